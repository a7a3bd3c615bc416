import type { Measurements } from '../analysis/reading.ts';
import { advanceScheduled } from './advance-scheduled.ts';
import { decide, wantsMeasurements } from './decide.ts';
import { type Decision, isQuiet, type PlannedWrite } from './decision.ts';
import { judgedTarget } from './hand-over.ts';
import type { Alarm } from './ports/alarm.ts';
import type { Mesh, MeshView, SplitView, WriteOutcome } from './ports/mesh.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Claim, Store } from './ports/store.ts';
import { isScheduled, type Rollout } from './rollout.ts';
import { settle } from './settle.ts';
import { pollInstant } from './sight.ts';
import type { Millis } from './units.ts';

/** Seconds for which a turn owns its rollout; longer than any turn, so that only a stopped worker loses it. */
const leaseSeconds = 15;

/** Milliseconds after which calls of a turn end. All of a turn, going back included, fits into its lease. */
const budgets = { turnMs: 14_000, lookMs: 3000, patchMs: 3000, backMs: 11_000, backPatchMs: 8000 } as const;

/** A pause between two conflicts: whoever keeps writing is not to be answered with a storm. */
const conflictRestMs = 50;

export type TurnDeps = {
  /** Names this worker in the lease. */
  worker: string;
  store: Store;
  mesh: Mesh;
  metrics: Metrics;
  alarm: Alarm;
  /** A signal that aborts after so many milliseconds. */
  deadline: (ms: number) => AbortSignal;
  /** Waits so many milliseconds between two tries of one turn. */
  rest: (ms: number) => Promise<void>;
};

/** How a turn ended: another worker has it, it lost its lease, or its decision stands. */
export type TurnEnd = 'not-due' | 'fenced' | 'done';

/**
 * One turn of one rollout: claim, look, decide, write down, make it so, look again. Every effect is written down
 * before it happens, so a turn may stop anywhere and its successor goes on from there. Throws only when the
 * database cannot be reached; the sweep then repeats the turn.
 */
export async function advance(deps: TurnDeps, id: string): Promise<TurnEnd> {
  const claim = await deps.store.claim(id, deps.worker, leaseSeconds);
  if (claim === null) return 'not-due';
  const { rollout } = claim;
  return isScheduled(rollout)
    ? advanceScheduled(deps, { ...claim, rollout })
    : advanceBegun(deps, { ...claim, rollout });
}

async function advanceBegun(deps: TurnDeps, claim: Claim<Rollout>): Promise<TurnEnd> {
  // Counted from the claim: a process that slept through its lease must not find its time untouched.
  const lease = deps.deadline(budgets.turnMs);
  const { view, decision, measurements } = await decideOn(deps, claim);
  const { rollout, write, raiseTo: epoch = claim.epoch } = decision;
  if (write === null || view.kind !== 'split') {
    return (await save(deps, claim.epoch, decision, { measurements, release: true })) ? 'done' : 'fenced';
  }
  const effect = { rollout, write, epoch, lease };
  const isSaved = await save(deps, claim.epoch, decision, { measurements, release: false }).catch((lost) =>
    backAllTheSame(deps, effect, view, lost),
  );
  if (!isSaved) return 'fenced';
  const outcome = await makeItSo(deps, effect, view);
  const settled = settle(rollout, write, outcome, await deps.store.now());
  return (await save(deps, epoch, settled, { measurements: null, release: true })) ? 'done' : 'fenced';
}

/**
 * No database keeps users on a canary that was found bad: what cannot be written down is left as a word in the object,
 * and the first turn that has a database again takes it up.
 */
async function backAllTheSame(
  deps: TurnDeps,
  effect: Effect,
  view: SplitView,
  lost: unknown,
): Promise<never> {
  if (effect.rollout.state.kind === 'rollingBack')
    await makeItSo(deps, { ...effect, unrecorded: true }, view);
  throw lost;
}

/**
 * Looks and decides. Most turns change nothing, and for those what a watch has told will do; whatever changes anything
 * is decided on what the API server says now, so that an old view can only ever keep a rollout waiting.
 */
async function decideOn(deps: TurnDeps, claim: Claim<Rollout>) {
  const { rollout, now, epoch, order } = claim;
  const { view: first, measurements } = await look(deps, claim);
  const decideFor = (view: MeshView) => decide(rollout, { view, measurements, epoch, order }, now);
  const decision = decideFor(first);
  if (first.kind !== 'split' || first.recent !== true || isQuiet(rollout, decision))
    return { view: first, decision, measurements };
  const view = await deps.mesh.look(rollout.target, deps.deadline(budgets.lookMs));
  return { view, decision: decideFor(view), measurements };
}

/** States in which hardly a turn leaves all as it is. */
const alwaysReads = new Set<Rollout['state']['kind']>(['preflight', 'rollingBack']);

async function look({ mesh, metrics, deadline }: TurnDeps, { rollout, now }: Claim<Rollout>) {
  const signal = deadline(budgets.lookMs);
  const [view, measurements] = await Promise.all([
    mesh.look(rollout.target, signal, { recent: !alwaysReads.has(rollout.state.kind) }),
    wantsMeasurements(rollout, now) ? measure(metrics, rollout, now, signal) : null,
  ]);
  return { view, measurements };
}

function measure(
  metrics: Metrics,
  rollout: Rollout,
  now: Millis,
  signal: AbortSignal,
): Promise<Measurements> {
  const { plan } = rollout;
  const at = pollInstant(plan, now);
  return metrics.measure(
    {
      target: judgedTarget(rollout),
      checks: plan.checks,
      at,
      incrementSeconds: incrementSeconds(rollout, at),
    },
    signal,
  );
}

/** Seconds since requests were last counted for the severe guard: stretches must not overlap, and two scrapes must fit. */
function incrementSeconds({ watch, scrapeSeconds, traffic }: Rollout, at: Millis): number {
  const since = watch.severe.countedUntil ?? traffic.appliedAt;
  const elapsed = Math.floor((at - since) / 1000);
  return elapsed >= 2 * scrapeSeconds ? elapsed : 0;
}

async function save(
  { store, alarm }: TurnDeps,
  epoch: number,
  { rollout, events, nextAt, raiseTo }: Decision,
  rest: { measurements: Measurements | null; release: boolean },
): Promise<boolean> {
  const raise = raiseTo === undefined ? {} : { raiseTo };
  const saved = await store.save(rollout.id, epoch, { rollout, events, nextAt, ...raise, ...rest });
  if (saved.kind !== 'saved') return false;
  // A turn that still holds its lease rings nobody: its successor would find the door locked.
  if (nextAt !== null && rest.release) await alarm.ring(rollout.id, nextAt, saved.now);
  return true;
}

type Effect = {
  rollout: Rollout;
  write: PlannedWrite;
  epoch: number;
  lease: AbortSignal;
  unrecorded?: boolean;
};

/** Writes the weight. Going back re-reads and tries again at once when somebody else wrote first, until its budget ends. */
async function makeItSo(deps: TurnDeps, effect: Effect, seen: SplitView): Promise<WriteOutcome> {
  if (effect.rollout.state.kind !== 'rollingBack')
    return patch(deps, effect, seen, AbortSignal.any([effect.lease, deps.deadline(budgets.patchMs)]));
  const budget = AbortSignal.any([effect.lease, deps.deadline(budgets.backMs)]);
  let view: MeshView = seen;
  while (view.kind === 'split' && view.hasStable && !isOvertaken(effect, seen, view)) {
    const outcome = await patch(
      deps,
      effect,
      view,
      AbortSignal.any([budget, deps.deadline(budgets.backPatchMs)]),
    );
    if (outcome.kind !== 'conflict' || budget.aborted) return outcome;
    await deps.rest(conflictRestMs);
    view = await deps.mesh.look(
      effect.rollout.target,
      AbortSignal.any([budget, deps.deadline(budgets.lookMs)]),
    );
  }
  return view.kind === 'split' || view.kind === 'shape' ? { kind: 'conflict' } : view;
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
  { mesh }: TurnDeps,
  effect: Effect,
  view: SplitView,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  const { rollout, write, epoch, unrecorded = false } = effect;
  return mesh.write(rollout.target, view, { ...write, rolloutId: rollout.id, epoch, unrecorded }, signal);
}
