import { firstOf } from '../signals.ts';
import type { PlannedWrite } from './decision.ts';
import { isBack } from './go-back.ts';
import { isOvertakenBy } from './owners.ts';
import type { LookOptions, Mesh, MeshView, SplitView, WriteOutcome } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import { type MadeObject, madeOf, objectName, oneByOne } from './several.ts';
import type { Target } from './target.ts';

export type MakeDeps = {
  mesh: Mesh;
  /** A signal that aborts after so many milliseconds. */
  deadline: (ms: number) => AbortSignal;
  /** Waits so many milliseconds between two tries of one turn. */
  rest: (ms: number) => Promise<void>;
};

/** Milliseconds after which calls end. */
const budgets = { lookMs: 3000, patchMs: 3000, backMs: 11_000, backPatchMs: 8000 } as const;

/** A pause between two conflicts: whoever keeps writing is not to be answered with a storm. */
const conflictRestMs = 50;

/** True for a turn whose reads and writes wait for no others. */
export function isGoingBack({ state }: Rollout): boolean {
  return state.kind === 'rollingBack';
}

/** What a look has to know of a rollout to tell which of its managed routes were changed. */
export function wanting({ traffic }: Rollout): Pick<LookOptions, 'managed'> {
  return { managed: traffic.managed.desired };
}

/** A write that was decided on, of a turn whose lease ends with `lease`. */
export type Effect = {
  rollout: Rollout;
  write: PlannedWrite;
  epoch: number;
  lease: AbortSignal;
  unrecorded?: boolean;
};

/** What the mesh answered, and what the write was made on top of. */
export type Made = { outcome: WriteOutcome; on: SplitView };

/**
 * Writes the weight. Going back re-reads and tries again at once when somebody else wrote first, until its budget ends;
 * of several VirtualServices each goes back by itself, and none waits for another.
 */
export async function makeItSo(deps: MakeDeps, effect: Effect, seen: SplitView): Promise<Made> {
  const { rollout, lease } = effect;
  if (!isGoingBack(rollout)) {
    const signal = firstOf([lease, deps.deadline(budgets.patchMs)]);
    return { outcome: await patch(deps, effect, { target: rollout.target, view: seen }, signal), on: seen };
  }
  const budget = firstOf([lease, deps.deadline(budgets.backMs)]);
  if (seen.objects === undefined) return back(deps, effect, { target: rollout.target, view: seen }, budget);
  const targets = new Map(oneByOne(rollout.target).map((target) => [objectName(target), target]));
  const all = seen.objects.map(async (view): Promise<MadeObject> => {
    const target = targets.get(view.name);
    if (target === undefined) throw new Error(`${view.name} is no part of the target`);
    if (isDone(effect, view))
      return { name: view.name, outcome: { kind: 'applied', canaryShare: 0 }, on: view };
    return { name: view.name, ...(await back(deps, effect, { target, view }, budget)) };
  });
  return madeOf(seen, await Promise.all(all));
}

/** What is back already is left alone while others cannot be written, unless a word is to be left there. */
function isDone({ rollout, unrecorded = false }: Effect, view: SplitView): boolean {
  const { state } = rollout;
  return state.kind === 'rollingBack' && !unrecorded && isBack(rollout, state, view);
}

type Seen = { target: Target; view: SplitView };

/** Brings one VirtualService back. */
async function back(deps: MakeDeps, effect: Effect, seen: Seen, budget: AbortSignal): Promise<Made> {
  const { target } = seen;
  let view: MeshView = seen.view;
  let on = seen.view;
  while (view.kind === 'split' && view.hasStable && !isOvertaken(effect, seen.view, view)) {
    on = view;
    const signal = firstOf([budget, deps.deadline(budgets.backPatchMs)]);
    const outcome = await patch(deps, effect, { target, view }, signal);
    if (outcome.kind !== 'conflict' || budget.aborted) return { outcome, on };
    await deps.rest(conflictRestMs);
    view = await deps.mesh.look(target, firstOf([budget, deps.deadline(budgets.lookMs)]), {
      ...wanting(effect.rollout),
      urgent: true,
      partial: true,
    });
  }
  // Its time was up while it tried: what kept it from writing is the conflict.
  if (view.kind === 'missing' || (view.kind === 'unavailable' && !budget.aborted))
    return { outcome: view, on };
  return { outcome: { kind: 'conflict' }, on };
}

/**
 * A turn that lost its lease while it retried must not write after its successor, not even the same weight; nor on an
 * object that is another one by now, or another rollout's: the next turn judges those.
 */
function isOvertaken({ rollout, epoch }: Effect, seen: SplitView, view: SplitView): boolean {
  return view.uid !== seen.uid || isOvertakenBy(view, { rollout, epoch, seen });
}

function patch(
  { mesh }: MakeDeps,
  effect: Effect,
  { target, view }: Seen,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  const { rollout, write, epoch, unrecorded = false } = effect;
  return mesh.write(target, view, { ...write, rolloutId: rollout.id, epoch, unrecorded }, signal);
}
