import type { PlannedWrite } from './decision.ts';
import type { Mesh, MeshView, SplitView, WriteOutcome } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';

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

/** Writes the weight. Going back re-reads and tries again at once when somebody else wrote first, until its budget ends. */
export async function makeItSo(deps: MakeDeps, effect: Effect, seen: SplitView): Promise<Made> {
  if (!isGoingBack(effect.rollout)) {
    const signal = AbortSignal.any([effect.lease, deps.deadline(budgets.patchMs)]);
    return { outcome: await patch(deps, effect, seen, signal), on: seen };
  }
  const budget = AbortSignal.any([effect.lease, deps.deadline(budgets.backMs)]);
  let view: MeshView = seen;
  let on = seen;
  while (view.kind === 'split' && view.hasStable && !isOvertaken(effect, seen, view)) {
    on = view;
    const signal = AbortSignal.any([budget, deps.deadline(budgets.backPatchMs)]);
    const outcome = await patch(deps, effect, view, signal);
    if (outcome.kind !== 'conflict' || budget.aborted) return { outcome, on };
    await deps.rest(conflictRestMs);
    view = await deps.mesh.look(
      effect.rollout.target,
      AbortSignal.any([budget, deps.deadline(budgets.lookMs)]),
      { urgent: true },
    );
  }
  return { outcome: view.kind === 'split' || view.kind === 'shape' ? { kind: 'conflict' } : view, on };
}

/**
 * A turn that lost its lease while it retried must not write after its successor, not even the same weight; nor on an
 * object that is another one by now, or another rollout's: the next turn judges those.
 */
function isOvertaken({ rollout, epoch }: Effect, seen: SplitView, { owner, uid }: SplitView): boolean {
  if (uid !== seen.uid) return true;
  if (owner?.rolloutId === rollout.id) return owner.epoch > epoch;
  return owner?.rolloutId !== seen.owner?.rolloutId;
}

function patch(
  { mesh }: MakeDeps,
  effect: Effect,
  view: SplitView,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  const { rollout, write, epoch, unrecorded = false } = effect;
  return mesh.write(rollout.target, view, { ...write, rolloutId: rollout.id, epoch, unrecorded }, signal);
}
