import type { Owner, WeightWrite } from '../rollout/ports/mesh.ts';
import { operationsTo, type PatchOperation } from './patch-operation.ts';
import { pointerTo, type VirtualService } from './virtual-service.ts';

/** What canaryd writes beside weights and managed routes. `rollout` and `epoch` say who wrote last and stay after the end. */
export const annotations = {
  rollout: 'canaryd.io/rollout',
  epoch: 'canaryd.io/epoch',
  originalWeights: 'canaryd.io/original-weights',
  /** `<rollout>/<epoch>` of a rollback that could not be written down; every later write takes it away. */
  rolledBack: 'canaryd.io/rolled-back',
} as const;

/** The rollout and epoch of the last write by canaryd, or null. An epoch that is no number counts as 0. */
export function ownerOf(virtualService: VirtualService): Owner | null {
  const present = virtualService.metadata.annotations ?? {};
  const rolloutId = present[annotations.rollout];
  if (rolloutId === undefined) return null;
  return { rolloutId, epoch: epochFrom(present[annotations.epoch]) };
}

/**
 * True when these are the annotations of this very write. Its epoch may stand above what `ownerOf` believes, after
 * somebody forged a high one.
 */
export function isSignedBy({ metadata }: VirtualService, { rolloutId, epoch }: Owner): boolean {
  const present = metadata.annotations ?? {};
  return present[annotations.rollout] === rolloutId && present[annotations.epoch] === String(epoch);
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

/** The operations that make canaryd's annotations say what they are to say after a write; `note` is about its beginning. */
export function annotationOperations(
  { metadata }: VirtualService,
  { rolloutId, epoch, end, unrecorded }: WeightWrite,
  note: string,
): PatchOperation[] {
  const wanted: Record<string, string | null> = {
    [annotations.rollout]: rolloutId,
    [annotations.epoch]: String(epoch),
    [annotations.originalWeights]: end ? null : note,
    [annotations.rolledBack]: unrecorded === true ? `${rolloutId}/${epoch}` : null,
  };
  const present = metadata.annotations;
  const operations = Object.entries(wanted).flatMap(([name, value]) =>
    operationsTo(pointerTo(['metadata', 'annotations', name]), present?.[name] ?? null, value),
  );
  return present === undefined
    ? [{ op: 'add', path: '/metadata/annotations', value: {} }, ...operations]
    : operations;
}
