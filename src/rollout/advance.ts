import type { Measurements } from '../analysis/reading.ts';
import { firstOf } from '../signals.ts';
import { advanceScheduled } from './advance-scheduled.ts';
import { toldAsFound } from './as-found.ts';
import { decide, wantsMeasurements } from './decide.ts';
import { type Decision, isQuiet, preceded } from './decision.ts';
import { asksNothing, incrementSeconds, nothingAsked } from './evidence.ts';
import { hearAlerts } from './hear-alerts.ts';
import { inspect, type Known, surveyOf } from './inspect.ts';
import { judgedTarget } from './judged-target.ts';
import { judgeAsks } from './judging.ts';
import { type Effect, isGoingBack, type Made, type MakeDeps, makeItSo, wanting } from './make-so.ts';
import { addsRoute, isMirroring } from './managed.ts';
import { asksForOtherRoutes, notFound, withOtherRoutes } from './other-routes.ts';
import type { Alarm } from './ports/alarm.ts';
import type { AlertSources, Heard } from './ports/alerts.ts';
import type { MeshView, SplitView } from './ports/mesh.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Surroundings } from './ports/readiness.ts';
import type { Claim, Store } from './ports/store.ts';
import type { ReadinessReport } from './readiness-report.ts';
import { isScheduled, type Rollout } from './rollout.ts';
import { settle } from './settle.ts';
import { readIn } from './several.ts';
import { pollInstant } from './sight.ts';
import { isSameShare, type Millis, type Share } from './units.ts';

/** Seconds for which a turn owns its rollout; longer than any turn, so that only a stopped worker loses it. */
const leaseSeconds = 15;

/** Milliseconds after which calls of a turn end. All of a turn, going back included, fits into its lease. */
const budgets = { turnMs: 14_000, lookMs: 3000, inspectMs: 2000 } as const;

export type TurnDeps = MakeDeps & {
  /** Names this worker in the lease. */
  worker: string;
  store: Store;
  metrics: Metrics;
  surroundings: Surroundings;
  /** Where plans hear of alerts; without it those that listen to some are told that none can be heard. */
  alerts?: AlertSources;
  alarm: Alarm;
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
  const { view, decision: decided, measurements } = await decideOn(deps, claim);
  const decision = await toldOfOthers(deps, claim, { decision: decided, lease, now: claim.now });
  const { rollout, write, raiseTo: epoch = claim.epoch } = decision;
  const on = readIn(view);
  const saved = (release: boolean) =>
    save(deps, claim.epoch, decision, { measurements, release }).catch((lost) =>
      remembered(deps, claim, { decision, measurements }, lost),
    );
  if (write === null || on === null) return (await saved(true)) ? 'done' : 'fenced';
  const effect = { rollout, write, epoch, lease };
  const isSaved = await saved(false).catch((lost) => backAllTheSame(deps, effect, on, lost));
  if (!isSaved) return 'fenced';
  const made = await makeItSo(deps, effect, on);
  const now = await deps.store.now();
  const landed = afterwards(effect, made, on, now);
  const settled = await toldOfOthers(deps, claim, { decision: landed, lease, now });
  return (await save(deps, epoch, settled, { measurements: null, release: true })) ? 'done' : 'fenced';
}

type Deciding = { decision: Decision; lease: AbortSignal; now: Millis };

/** What else reaches the canary is asked for twice in a rollout's life, and nobody waits for it longer than for a look. */
async function toldOfOthers(
  { mesh, deadline }: TurnDeps,
  { rollout }: Claim<Rollout>,
  { decision, lease, now }: Deciding,
): Promise<Decision> {
  if (!asksForOtherRoutes(rollout, decision)) return decision;
  const signal = firstOf([lease, deadline(budgets.lookMs)]);
  // Nothing that is only told may keep a rollout from beginning, or the end of a rollback from being written down.
  const found = await mesh.otherRoutes(rollout.target, signal).catch(notFound);
  return withOtherRoutes(decision, found, now);
}

/** A share that landed between the look and the write of a turn on the way back had users, too. */
function afterwards(
  { rollout, write }: Effect,
  { outcome, on }: Made,
  view: SplitView,
  now: Millis,
): Decision {
  if (on === view || on.canaryShare === 0) return settle(rollout, write, outcome, now);
  const told = toldAsFound(rollout, on, now);
  return preceded(told.events, settle(told.rollout, write, outcome, now));
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
  if (isGoingBack(effect.rollout)) await makeItSo(deps, { ...effect, unrecorded: true }, view);
  throw lost;
}

/**
 * What was measured is kept even where the audit log has no room for what follows from it: else each turn would begin with
 * what the one before knew, and nothing could ever show twice.
 */
async function remembered(
  deps: TurnDeps,
  { rollout: before, epoch }: Claim<Rollout>,
  { decision, measurements }: Pick<Decided, 'decision' | 'measurements'>,
  lost: unknown,
): Promise<never> {
  const isUnderway = isForward(before) && !isGoingBack(decision.rollout);
  if (isUnderway && measurements !== null && decision.events.length > 0) {
    const { watch, nextPollAt } = decision.rollout;
    const quiet = { rollout: { ...before, watch, nextPollAt }, events: [], write: null, nextAt: nextPollAt };
    await save(deps, epoch, quiet, { measurements, release: true }).catch(() => undefined);
  }
  throw lost;
}

/**
 * Looks and decides. Most turns change nothing, and for those what a watch has told will do; whatever changes anything
 * is decided on what the API server says now, so that an old view can only ever keep a rollout waiting.
 */
async function decideOn(deps: TurnDeps, claim: Claim<Rollout>) {
  const { rollout, now, epoch, order } = claim;
  const { view: first, ...heard } = await look(deps, claim);
  const decideFor = (view: MeshView) => decide(rollout, { view, ...heard, epoch, order }, now);
  if (rollout.state.kind === 'preflight') return decideOnStart(deps, claim, { view: first, ...heard });
  const decision = decideFor(first);
  const isOld = first.kind === 'split' && first.recent === true && !isQuiet(rollout, decision);
  if (!isOld) return lookedTwice(deps, claim, { view: first, decision, ...heard });
  const urgent = isGoingBack(decision.rollout);
  const view = await deps.mesh.look(rollout.target, deps.deadline(budgets.lookMs), {
    ...wanting(rollout),
    urgent,
  });
  return lookedTwice(deps, claim, { view, decision: decideFor(view), ...heard });
}

async function lookedTwice(deps: TurnDeps, claim: Claim<Rollout>, decided: Decided): Promise<Decided> {
  return backWhereItCan(deps, claim, await inspectedBeforeRaise(deps, claim, decided));
}

type Decided = {
  view: MeshView;
  decision: Decision;
  measurements: Measurements | null;
  alerts: Heard | null;
};

/** Nothing else stands in the way: now the mesh around the target is worth a look, once. */
async function decideOnStart(
  deps: TurnDeps,
  claim: Claim<Rollout>,
  seen: Omit<Decided, 'decision'>,
): Promise<Decided> {
  const { rollout, now, epoch, order } = claim;
  const sight = { ...seen, epoch, order };
  const decision = decide(rollout, sight, now);
  // Whatever goes back, or waits, asks nobody.
  if (!isForward(decision.rollout)) return backWhereItCan(deps, claim, { ...seen, decision });
  const readiness = await inspectNow(deps, rollout, { now, order });
  return { ...seen, decision: decide(rollout, { ...sight, readiness }, now) };
}

function inspectNow(
  deps: TurnDeps,
  rollout: Rollout,
  when: Pick<Known, 'now' | 'order' | 'raiseTo'>,
): Promise<ReadinessReport> {
  const asked = { ...when, readMs: budgets.inspectMs };
  const survey = surveyOf(deps, rollout, asked);
  return inspect({ ...deps, rollouts: deps.store }, rollout, { ...asked, survey });
}

/** Before a canary gets more users, what may have changed since the start is looked at again. */
async function inspectedBeforeRaise(
  deps: TurnDeps,
  { rollout, now, epoch, order }: Claim<Rollout>,
  decided: Decided,
): Promise<Decided> {
  const { view, measurements, alerts } = decided;
  const raiseTo = raiseIn(rollout, decided);
  if (raiseTo === null) return decided;
  const readiness = await inspectNow(deps, rollout, { now, order, raiseTo });
  return {
    ...decided,
    decision: decide(rollout, { view, measurements, alerts, epoch, order, readiness }, now),
  };
}

/**
 * The share at which a turn on the way forward gives the canary more requests, by weights or by a route of its own; null
 * for none, as where what is asked for stands there already.
 */
function raiseIn({ traffic }: Rollout, { decision: { rollout, write }, view }: Decided): Share | null {
  if (!isForward(rollout) || write === null || view.kind !== 'split') return null;
  const isThere = isSameShare(view.canaryShare, write.share);
  const isRaised = write.share > traffic.applied && !isThere;
  return isRaised || addsRoute(rollout) ? write.share : null;
}

function isForward({ state }: Rollout): boolean {
  return state.kind === 'running' || state.kind === 'holding';
}

/** One of several VirtualServices, or of their routes, that cannot be read stops a rollout, but keeps none of the others from going back. */
async function backWhereItCan(
  { mesh, deadline }: TurnDeps,
  { rollout, now, epoch, order }: Claim<Rollout>,
  decided: Decided,
): Promise<Decided> {
  const { rollout: turned, events } = decided.decision;
  const isBlocked = isGoingBack(turned) && !isGoingBack(rollout) && decided.view.kind !== 'split';
  const hasMore = rollout.target.also.length > 0 || decided.view.kind === 'shape';
  if (!isBlocked || !hasMore) return decided;
  const options = { ...wanting(rollout), urgent: true, partial: true };
  const view = await mesh.look(rollout.target, deadline(budgets.lookMs), options);
  const decision = preceded(events, decide(turned, { view, measurements: null, epoch, order }, now));
  return { ...decided, view, decision };
}

/** States in which hardly a turn leaves all as it is. */
const alwaysReads = new Set<Rollout['state']['kind']>(['preflight', 'rollingBack']);

async function look({ mesh, metrics, alerts, deadline }: TurnDeps, { rollout, now }: Claim<Rollout>) {
  const signal = deadline(budgets.lookMs);
  const isPoll = wantsMeasurements(rollout, now);
  const [view, measurements, heard] = await Promise.all([
    mesh.look(rollout.target, signal, {
      ...wanting(rollout),
      recent: !alwaysReads.has(rollout.state.kind),
      urgent: isGoingBack(rollout),
      partial: isGoingBack(rollout),
    }),
    isPoll ? measure(metrics, rollout, now, signal) : null,
    isPoll && rollout.state.kind !== 'preflight' ? hearAlerts(alerts, rollout, signal) : null,
  ]);
  return { view, measurements, alerts: heard };
}

function measure(
  metrics: Metrics,
  rollout: Rollout,
  now: Millis,
  signal: AbortSignal,
): Promise<Measurements> {
  const { plan } = rollout;
  const at = pollInstant(plan, now);
  if (asksNothing(rollout)) return Promise.resolve(nothingAsked(at));
  return metrics.measure(
    {
      target: judgedTarget(rollout),
      checks: plan.checks,
      at,
      incrementSeconds: incrementSeconds(rollout, at),
      mirrored: isMirroring(rollout),
      ...judgeAsks(rollout),
    },
    signal,
  );
}

async function save(
  { store, alarm }: TurnDeps,
  epoch: number,
  { rollout, events, nextAt, raiseTo }: Decision,
  rest: { measurements: Measurements | null; release: boolean },
): Promise<boolean> {
  const raise = raiseTo === undefined ? {} : { raiseTo };
  const measurements = asksNothing(rollout) ? null : rest.measurements;
  const change = { rollout, events, nextAt, ...raise, ...rest, measurements };
  const saved = await store.save(rollout.id, epoch, change);
  if (saved.kind !== 'saved') return false;
  // A turn that still holds its lease rings nobody: its successor would find the door locked.
  if (nextAt !== null && rest.release) await alarm.ring(rollout.id, nextAt, saved.now);
  return true;
}
