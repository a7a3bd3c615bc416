import type { MeshFailure, SplitView, WeightWrite, WriteOutcome } from '../rollout/ports/mesh.ts';
import { bringsNoMore, gapInWords, madeOf, objectName, oneByOne, standing } from '../rollout/several.ts';
import type { Arm, Target } from '../rollout/target.ts';
import { isSameShare, type Share } from '../rollout/units.ts';
import { annotations, isSignedBy } from './annotations.ts';
import { type Cluster, objectNameOf } from './find-target.ts';
import type { Watching } from './look.ts';
import type { PatchOperation } from './patch-operation.ts';
import { type Split, splitIn } from './split.ts';
import { isWorthAWrite, type SplitToTakeBack, splitToTakeBack } from './split-to-take-back.ts';
import { isMisshapen, nameOf, pointerTo, VirtualService } from './virtual-service.ts';
import { weightPatch } from './weight-patch.ts';

type Asked = { write: WeightWrite; signal: AbortSignal };

/**
 * Patches all VirtualServices of a target on top of what was seen of them. No patch leaves before all were made. They
 * go one after the other up to the first that fails; what brings the canary no more goes to all at once. A write that
 * goes back takes the routes of an object that it can, and says which it could not.
 */
export async function writeShare(
  cluster: Watching,
  target: Target,
  view: SplitView,
  asked: Asked,
): Promise<WriteOutcome> {
  const made = patchesOf(cluster, target, view, asked.write);
  if (view.objects === undefined) {
    const [only] = made;
    return only === undefined ? invalid('nothing was seen of it') : send(cluster, only, asked);
  }
  const isSafe = bringsNoMore(view.objects, asked.write);
  return isSafe ? sendAtOnce(cluster, view, made, asked) : sendInOrder(cluster, made, asked);
}

/** A patch that can be sent, or why there is none. */
type Made = { name: string; target: Target; on: SplitView; patch: PatchOperation[] | MeshFailure };

function patchesOf(cluster: Cluster, target: Target, view: SplitView, write: WeightWrite): Made[] {
  const gaps = (view.gaps ?? []).map(({ name }) => name);
  return oneByOne(target).flatMap((one) => {
    const name = objectName(one);
    const seen = view.objects === undefined ? view : view.objects.find((object) => object.name === name);
    if (seen !== undefined) return { name, target: one, on: seen, patch: patchOf(cluster, one, seen, write) };
    if (gaps.includes(name)) return [];
    return { name, target: one, on: view, patch: invalid('it was not read') };
  });
}

function patchOf(
  cluster: Cluster,
  target: Target,
  view: SplitView,
  write: WeightWrite,
): PatchOperation[] | MeshFailure {
  const seen = VirtualService.parse(view.snapshot);
  const back = takingBack(cluster, target, seen, write);
  if (back !== null && isWorthAWrite(seen, back)) return patchOfSome(seen, back, target, write);
  const split = splitIn(seen, target, cluster.clusterDomain);
  if (split.kind === 'shape') return invalid(`${split.fault.path}: ${split.fault.message}`);
  const gone = (arm: Arm) =>
    invalid(`the route has no destination ${nameOf(arm, [target.stable, target.canary])}`);
  if (!split.hasStable) return gone(target.stable);
  if (!split.hasCanary && write.share > 0) return gone(target.canary);
  const patch = weightPatch(seen, split, target, write);
  return isMisshapen(patch) ? invalid(`${patch.fault.path}: ${patch.fault.message}`) : patch;
}

/** What can go back where some routes of the object cannot; null where all can, or nobody asks for it. */
function takingBack(
  { clusterDomain }: Cluster,
  target: Target,
  virtualService: VirtualService,
  { share, end }: WeightWrite,
): SplitToTakeBack | null {
  return end && share === 0 ? splitToTakeBack(virtualService, target, clusterDomain) : null;
}

/** What the object notes of its weights stays: the routes that could not go back yet still need it. */
function patchOfSome(
  seen: VirtualService,
  { split }: SplitToTakeBack,
  target: Target,
  write: WeightWrite,
): PatchOperation[] | MeshFailure {
  const patch = weightPatch(seen, split, target, write);
  if (isMisshapen(patch)) return invalid(`${patch.fault.path}: ${patch.fault.message}`);
  const note = pointerTo(['metadata', 'annotations', annotations.originalWeights]);
  return patch.filter(({ path }) => path !== note);
}

async function sendInOrder(cluster: Watching, made: Made[], asked: Asked): Promise<WriteOutcome> {
  const unfit = made.find(({ patch }) => !Array.isArray(patch));
  const done: string[] = [];
  for (const one of unfit === undefined ? made : [unfit]) {
    const outcome = await send(cluster, one, asked);
    if (outcome.kind !== 'applied') return partly(named(one.name, outcome), done);
    done.push(one.name);
  }
  return { kind: 'applied', canaryShare: asked.write.share };
}

async function sendAtOnce(
  cluster: Watching,
  view: SplitView,
  made: Made[],
  asked: Asked,
): Promise<WriteOutcome> {
  const outcomes = await Promise.all(
    made.map(async (one) => ({ name: one.name, on: one.on, outcome: await send(cluster, one, asked) })),
  );
  const failed = outcomes.flatMap(({ name, outcome }) =>
    outcome.kind === 'applied' ? [] : [named(name, outcome)],
  );
  const [first] = failed;
  const applied = outcomes.flatMap(({ name, outcome }) => (outcome.kind === 'applied' ? [name] : []));
  if (first?.kind === 'conflict' && failed.every(({ kind }) => kind === 'conflict'))
    return partly(first, applied);
  const all = madeOf(view, outcomes).outcome;
  // What was refused is known not to have landed anywhere.
  if (first?.kind !== 'unavailable' || failed.some(({ kind }) => kind !== 'unavailable'))
    return partly(all, applied);
  const done = outcomes.flatMap(({ name, outcome }) =>
    outcome.kind === 'applied' ? [standing({ name, canaryShare: outcome.canaryShare })] : [],
  );
  const whys = failed.flatMap((one) => ('why' in one ? [one.why] : []));
  return partly({ ...first, why: [...whys, ...done].join('; ') }, applied);
}

function partly(outcome: WriteOutcome, done: string[]): WriteOutcome {
  return outcome.kind === 'applied' || done.length === 0 ? outcome : { ...outcome, done };
}

function named(name: string, outcome: Exclude<WriteOutcome, { kind: 'applied' }>): WriteOutcome {
  return 'why' in outcome ? { ...outcome, why: `${name}: ${outcome.why}` } : outcome;
}

async function send(
  cluster: Watching,
  { target, patch }: Made,
  { write, signal }: Asked,
): Promise<WriteOutcome> {
  if (!Array.isArray(patch)) return patch;
  const { patchVirtualService } = write.share === 0 ? cluster.kube.urgent : cluster.kube;
  const written = await patchVirtualService(objectNameOf(target), patch, signal);
  if (written.kind !== 'written') return written;
  cluster.watched?.wrote(written.value);
  return readBack(cluster, written.value, target, write);
}

/** An answer of 200 counts only when its body shows the share and our epoch. */
function readBack(
  cluster: Cluster,
  written: VirtualService,
  target: Target,
  write: WeightWrite,
): WriteOutcome {
  const { share, rolloutId, epoch } = write;
  const back = takingBack(cluster, target, written, write);
  const split = back?.split ?? splitIn(written, target, cluster.clusterDomain);
  const isOurs = isSignedBy(written, { rolloutId, epoch });
  if (split.kind === 'split' && hasShare(split, share) && isOurs) {
    return back === null ? { kind: 'applied', canaryShare: split.canaryShare } : donePartly(back);
  }
  return { kind: 'ambiguous', why: 'the API server accepted the patch but answered with another state' };
}

function donePartly({ split, gaps }: SplitToTakeBack): WriteOutcome {
  const others = split.routes.length === 0 ? [] : ['its other routes are at 0 %'];
  return { kind: 'ambiguous', why: [...gaps.map(gapInWords), ...others].join('; ') };
}

function hasShare({ canaryShare, lowestShare }: Split, share: Share): boolean {
  return isSameShare(canaryShare, share) && isSameShare(lowestShare, share);
}

function invalid(why: string): MeshFailure {
  return { kind: 'unavailable', reason: 'invalid', why };
}
