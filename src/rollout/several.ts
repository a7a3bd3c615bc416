import { withMend } from './mesh-mend.ts';
import type {
  Gap,
  MeshView,
  ObjectView,
  Owner,
  ShapeFault,
  SplitView,
  WeightWrite,
  WriteOutcome,
} from './ports/mesh.ts';
import { share } from './say.ts';
import { objectsOf, type Target } from './target.ts';
import { isSameShare, type Share } from './units.ts';

/** What people call a VirtualService: `namespace/name`. */
export function objectName({
  namespace,
  virtualService,
}: Pick<Target, 'namespace' | 'virtualService'>): string {
  return `${namespace}/${virtualService}`;
}

/** Each VirtualService of a target as a target of its own, in their order. */
export function oneByOne(target: Target): Target[] {
  return objectsOf(target).map((object) => ({ ...target, ...object, also: [] }));
}

/** The views of a target's VirtualServices; one alone is its own. */
export function partsOf(view: SplitView): SplitView[] {
  return view.objects ?? [view];
}

/** The lowest share that the canary has in any route that is moved. */
export function lowestIn({ canaryShare, lowestShare = canaryShare }: SplitView): Share {
  return lowestShare;
}

/**
 * One view of all VirtualServices of a target; `views` are in its order. One that cannot be read makes the whole view
 * that failure, with what is `readable` beside it, unless `partial`: then it is a gap, as long as there is one that can be read.
 */
export function together(target: Target, views: readonly MeshView[], partial: boolean): MeshView {
  const [only] = views;
  if (only !== undefined && views.length === 1) return only;
  const objects = oneByOne(target).map((one, index) => ({
    uid: one.uid,
    name: objectName(one),
    view: views[index] ?? { kind: 'missing' as const },
  }));
  const seen = objects.map(({ view, ...one }) => ({
    ...one,
    view: partial ? withoutStable(view, views) : view,
  }));
  const parts = seen.flatMap(({ name, view }): ObjectView[] =>
    view.kind === 'split' ? [{ ...view, name }] : [],
  );
  const gaps = seen.flatMap(({ name, view }) =>
    view.kind === 'split' ? (view.gaps ?? []) : [{ name, view: named(view, name) }],
  );
  const worst = gaps.toSorted((one, other) => ranks[one.view.kind] - ranks[other.view.kind])[0];
  if (worst !== undefined && parts.length === 0) return worst.view;
  if (worst !== undefined && !partial) return beside(worst.view, together(target, views, true));
  const uid = seen.map(({ view, ...one }) => (view.kind === 'split' ? view.uid : one.uid)).join(',');
  const all = joined(parts, uid);
  return gaps.length === 0 ? all : { ...all, gaps };
}

function beside(view: Exclude<MeshView, SplitView>, readable: MeshView): MeshView {
  return readable.kind === 'split' ? { ...view, readable } : view;
}

/** What was read, if only of some of several VirtualServices; null when nothing was. */
export function readIn(view: MeshView): SplitView | null {
  return view.kind === 'split' ? view : (view.readable ?? null);
}

/** What a person can mend first; what is gone counts as gone only where all else is known. */
const ranks = { unavailable: 0, shape: 1, missing: 2 } as const;

/** Where others can go back, one that has lost its stable destination does not keep them from it. */
function withoutStable(view: MeshView, all: readonly MeshView[]): MeshView {
  if (view.kind !== 'split' || view.hasStable) return view;
  return all.some((other) => other.kind === 'split' && other.hasStable)
    ? { kind: 'shape', fault: noStable }
    : view;
}

const noStable: ShapeFault = {
  code: 'destination-not-in-route',
  path: 'spec',
  message:
    "stable's destination is gone from the route, so no weight can bring users back: put it back with kubectl edit",
};

function named(view: Exclude<MeshView, SplitView>, name: string): Exclude<MeshView, SplitView> {
  switch (view.kind) {
    case 'missing':
      return { kind: 'missing', name };
    case 'shape':
      return { ...view, fault: { ...view.fault, message: `${name}: ${view.fault.message}` } };
    case 'unavailable':
      return { ...view, why: `${name}: ${view.why}` };
  }
}

/** One view of several; `uid` is that of all. What stands behind the destinations is the same for all of them. */
function joined(objects: ObjectView[], uid: string): SplitView {
  const [first] = objects;
  if (first === undefined) throw new Error('a view needs a VirtualService that was read');
  const {
    name: _name,
    objects: _objects,
    gaps: _gaps,
    lowestShare: _lowest,
    recent: _recent,
    ...rest
  } = first;
  const shares = objects.map(({ canaryShare }) => canaryShare);
  const [highest, lowest] = [Math.max(...shares), Math.min(...objects.map(lowestIn))];
  return {
    ...rest,
    uid,
    snapshot: null,
    canaryShare: highest,
    ...(lowest === highest ? {} : { lowestShare: lowest }),
    hasStable: objects.every(({ hasStable }) => hasStable),
    foreign: objects.flatMap(foreignIn)[0] ?? null,
    stableHasOtherRoutes: objects.some(({ stableHasOtherRoutes }) => stableHasOtherRoutes),
    canaryHasOtherRoutes: objects.some(({ canaryHasOtherRoutes }) => canaryHasOtherRoutes),
    managedRoutes: [...new Set(objects.flatMap(({ managedRoutes }) => managedRoutes))],
    changedRoutes: [
      ...new Set([...objects.flatMap(({ changedRoutes }) => changedRoutes), ...notEverywhere(objects)]),
    ],
    owner: latest(objects.map(({ owner }) => owner)),
    movedBy: objects.find(({ movedBy }) => movedBy !== null)?.movedBy ?? null,
    signedBy: objects.find(({ signedBy }) => signedBy !== null)?.signedBy ?? null,
    gitOps: objects.find(({ gitOps }) => gitOps !== null)?.gitOps ?? null,
    rolledBack: latest(objects.map(({ rolledBack }) => rolledBack)),
    ...(objects.some(({ recent }) => recent) ? { recent: true as const } : {}),
    objects,
  };
}

/** Managed routes that stand in some of the objects only. */
function notEverywhere(objects: readonly ObjectView[]): string[] {
  const all = objects.flatMap(({ managedRoutes }) => managedRoutes);
  return all.filter((name) => objects.some(({ managedRoutes }) => !managedRoutes.includes(name)));
}

function foreignIn({ name, foreign }: ObjectView): ShapeFault[] {
  return foreign === null ? [] : [{ ...foreign, message: `${name}: ${foreign.message}` }];
}

function latest(owners: (Owner | null)[]): Owner | null {
  return owners.reduce(
    (last, owner) => (owner === null || (last !== null && last.epoch >= owner.epoch) ? last : owner),
    null,
  );
}

/** What came of going back at one VirtualService among several, and what the write was made on top of. */
export type MadeObject = { name: string; outcome: WriteOutcome; on: SplitView };

/** What came of going back at all that could be read: done only where nothing is left, and else who failed and why. */
export function madeOf(seen: SplitView, made: MadeObject[]): { outcome: WriteOutcome; on: SplitView } {
  const hasMoved = made.some(({ on }, index) => on !== seen.objects?.[index]);
  const parts = made.map(({ name, on }) => ({ ...on, name }));
  const on = hasMoved
    ? { ...joined(parts, seen.uid), ...(seen.gaps === undefined ? {} : { gaps: seen.gaps }) }
    : seen;
  const failed = made.flatMap(({ name, outcome }) =>
    outcome.kind === 'applied' ? [] : [`${name}: ${whyNot(outcome)}`],
  );
  const done = made.flatMap(({ name, outcome }) =>
    outcome.kind === 'applied' ? [{ name, ...outcome }] : [],
  );
  const hasFailed = (name: string) => made.some((one) => one.name === name && one.outcome.kind !== 'applied');
  // What has failed says itself which of its routes it lacks.
  const gaps = (seen.gaps ?? []).filter(({ name }) => !hasFailed(name));
  const faults = [...failed, ...gaps.map(gapInWords)];
  if (faults.length > 0)
    return { outcome: { kind: 'ambiguous', why: [...faults, ...done.map(standing)].join('; ') }, on };
  return {
    outcome: { kind: 'applied', canaryShare: Math.max(...done.map(({ canaryShare }) => canaryShare)) },
    on,
  };
}

/** Why one of several could not be read, in words. */
export function gapInWords({ name, view }: Gap): string {
  if (view.kind === 'missing') return `${name}: the VirtualService is gone`;
  return obstacleInWords(view);
}

/** Why a VirtualService could not be read, and what a person can do about it. */
export function obstacleInWords(view: Exclude<MeshView, SplitView | { kind: 'missing' }>): string {
  if (view.kind === 'unavailable') return withMend(view);
  return `${view.fault.path}: ${view.fault.message}; mend it with kubectl edit`;
}

/** True for a write that brings the canary less than it has, or the same, in each of what was seen. */
export function bringsNoMore(
  seen: readonly SplitView[],
  { share: to, managed = [] }: Pick<WeightWrite, 'share' | 'managed'>,
): boolean {
  return seen.every((one) => {
    const isRaised = to > lowestIn(one) && !isSameShare(to, lowestIn(one));
    return !isRaised && managed.every(({ name }) => one.managedRoutes.includes(name));
  });
}

/** Where the canary's weight is in one of several, in words. */
export function standing({ name, canaryShare }: { name: string; canaryShare: Share }): string {
  return `${name} is at ${share(canaryShare)}`;
}

/** Why a write to one VirtualService did not come about, in words. */
export function whyNot(outcome: Exclude<WriteOutcome, { kind: 'applied' }>): string {
  switch (outcome.kind) {
    case 'conflict':
      return 'somebody else keeps writing the VirtualService (who that is shows kubectl get -o yaml --show-managed-fields)';
    case 'missing':
      return 'the VirtualService is gone';
    case 'ambiguous':
      return outcome.why;
    case 'unavailable':
      return withMend(outcome);
  }
}
