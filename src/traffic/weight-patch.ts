import type { Owner, WeightChange, WeightWrite } from '../rollout/ports/mesh.ts';
import type { Target } from '../rollout/target.ts';
import { isSameShare, type Share } from '../rollout/units.ts';
import type { Roles, Split } from './split.ts';
import { type Destination, pointerTo, type VirtualService } from './virtual-service.ts';

/** What canaryd writes beside weights. `rollout` and `epoch` say who wrote last and stay after the end. */
export const annotations = {
  rollout: 'canaryd.io/rollout',
  epoch: 'canaryd.io/epoch',
  originalWeights: 'canaryd.io/original-weights',
  /** `<rollout>/<epoch>` of a rollback that could not be written down; every later write takes it away. */
  rolledBack: 'canaryd.io/rolled-back',
} as const;

/** An operation of a JSON Patch (RFC 6902). */
export type PatchOperation =
  | { op: 'add' | 'replace'; path: string; value: string | number | Record<string, string> }
  | { op: 'remove'; path: string };

type Weights = { stable: number | null; canary: number | null };
type Shift = Pick<WeightWrite, 'share' | 'end'>;
type Arms = { stable: Destination; canary: Destination | null };
type Present = Arms & Pick<Split, 'canaryShare' | 'foreign'>;

/**
 * The one patch that makes a share true: it changes the weights of the two destinations and canaryd's annotations,
 * and nothing else. Its first operation writes the resourceVersion that was read, which the API server answers with
 * 409 when somebody wrote since; a `test` operation would be answered like an invalid object.
 */
export function weightPatch(
  virtualService: VirtualService,
  split: Present,
  target: Pick<Target, 'route' | 'stable' | 'canary' | 'originalWeights'>,
  write: WeightWrite,
): PatchOperation[] {
  const { resourceVersion } = virtualService.metadata;
  const changes = changesTo(split, wantedWeights(write, split, target.originalWeights));
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...changes.map(operationOf),
    ...annotationOperations(virtualService, wantedAnnotations(target, write)),
  ];
}

/**
 * The changes that each of these writes would make, one after the other and starting at the weights of `roles`;
 * `original` is what the last write restores.
 */
export function weightChanges(
  { stable, canary }: Roles,
  original: Target['originalWeights'],
  writes: Shift[],
): WeightChange[][] {
  const atRest: Previewed = { arms: { stable, canary }, canaryShare: 0, changes: [] };
  return writes.reduce((before, write) => previewed(before, original, write), atRest).changes;
}

type Previewed = { arms: Pick<Roles, 'stable' | 'canary'>; canaryShare: Share; changes: WeightChange[][] };

function previewed({ arms, canaryShare, changes }: Previewed, original: Weights, write: Shift): Previewed {
  const wanted = wantedWeights(write, { ...arms, canaryShare, foreign: null }, original);
  const stable = { ...arms.stable, weight: wanted.stable };
  const canary = { ...arms.canary, weight: wanted.canary };
  return {
    arms: { stable, canary },
    canaryShare: write.share,
    changes: [...changes, changesTo(arms, wanted)],
  };
}

/** The rollout and epoch of the last write by canaryd, or null. An epoch that is no number counts as 0. */
export function ownerOf(virtualService: VirtualService): Owner | null {
  const present = virtualService.metadata.annotations ?? {};
  const rolloutId = present[annotations.rollout];
  if (rolloutId === undefined) return null;
  return { rolloutId, epoch: epochFrom(present[annotations.epoch]) };
}

/** The rollout that was taken back while nobody could write it down, or null. An epoch that is no number counts as 0. */
export function rolledBackIn(virtualService: VirtualService): Owner | null {
  const [rolloutId, epoch] = virtualService.metadata.annotations?.[annotations.rolledBack]?.split('/') ?? [];
  return rolloutId === undefined || rolloutId === '' ? null : { rolloutId, epoch: epochFrom(epoch) };
}

/** The store reads epochs of 15 digits: one that somebody else wrote here leaves room for all turns after it. */
function epochFrom(text: string | undefined): number {
  return text !== undefined && /^\d{1,14}$/.test(text) ? Number(text) : 0;
}

/**
 * A share that stands there already needs no weights, only the annotations that spend the resourceVersion. At the end
 * the weights get back the form in which they stood before, and the winner inherits stable's number. With foreign
 * traffic beside them stable takes over exactly what the canary had, so that nobody else's share changes.
 */
function wantedWeights({ share, end }: Shift, split: Present, original: Weights): Weights {
  if (!end && isSameShare(share, split.canaryShare)) return weightsOf(split);
  if (share === 0 && split.foreign !== null) return { stable: sumOf(split), canary: 0 };
  if (end && share === 0) return original;
  if (end && share === 100) return { stable: 0, canary: original.stable };
  return splitWeights(share);
}

function weightsOf({ stable, canary }: Arms): Weights {
  return { stable: stable.weight, canary: canary?.weight ?? null };
}

function sumOf({ stable, canary }: Arms): number {
  return (stable.weight ?? 0) + (canary?.weight ?? 0);
}

/** Istio's weights are whole numbers, so a share with decimals is written in parts of 10,000. */
function splitWeights(share: Share): { stable: number; canary: number } {
  const total = Number.isInteger(share) ? 100 : 10_000;
  const canary = Math.round((share * total) / 100);
  return { stable: total - canary, canary };
}

function changesTo({ stable, canary }: Arms, wanted: Weights): WeightChange[] {
  const changes = [changeOf(stable, wanted.stable), canary === null ? null : changeOf(canary, wanted.canary)];
  return changes.filter((change) => change !== null);
}

function changeOf({ at, weight }: Destination, wanted: number | null): WeightChange | null {
  if (weight === wanted) return null;
  const path = pointerTo([...at, 'weight']);
  if (wanted === null) return { op: 'remove', path, from: weight, value: null };
  return { op: weight === null ? 'add' : 'replace', path, from: weight, value: wanted };
}

function operationOf({ op, path, value }: WeightChange): PatchOperation {
  return op === 'remove' || value === null ? { op: 'remove', path } : { op, path, value };
}

/** What each of canaryd's annotations is to say; null takes it away. */
function wantedAnnotations(
  { route, stable, canary, originalWeights }: Pick<Target, 'route' | 'stable' | 'canary' | 'originalWeights'>,
  { rolloutId, epoch, end, unrecorded }: WeightWrite,
): Record<string, string | null> {
  const original = {
    route,
    stable: { host: stable.host, subset: stable.subset, weight: originalWeights.stable },
    canary: { host: canary.host, subset: canary.subset, weight: originalWeights.canary },
  };
  return {
    [annotations.rollout]: rolloutId,
    [annotations.epoch]: String(epoch),
    [annotations.originalWeights]: end ? null : JSON.stringify(original),
    [annotations.rolledBack]: unrecorded === true ? `${rolloutId}/${epoch}` : null,
  };
}

function annotationOperations(
  { metadata }: VirtualService,
  wanted: Record<string, string | null>,
): PatchOperation[] {
  const present = metadata.annotations;
  const operations = Object.entries(wanted).flatMap(([name, value]) =>
    annotationOperation(name, present?.[name], value),
  );
  return present === undefined
    ? [{ op: 'add', path: '/metadata/annotations', value: {} }, ...operations]
    : operations;
}

function annotationOperation(
  name: string,
  present: string | undefined,
  wanted: string | null,
): PatchOperation[] {
  const path = pointerTo(['metadata', 'annotations', name]);
  if (wanted === (present ?? null)) return [];
  if (wanted === null) return [{ op: 'remove', path }];
  return [{ op: present === undefined ? 'add' : 'replace', path, value: wanted }];
}
