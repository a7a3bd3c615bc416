import { closed } from './approval.ts';
import { toldAsFound } from './as-found.ts';
import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import {
  type Decision,
  decided,
  event,
  inState,
  preceded,
  routesApplied,
  weightApplied,
} from './decision.ts';
import { carriersIn } from './identity.ts';
import { isWrittenSince, ownRolledBack } from './owners.ts';
import type { Gap, MeshView, SplitView } from './ports/mesh.ts';
import { type Actor, type Cause, canaryd, type StuckReason } from './reasons.ts';
import { type Rollout, trafficAt } from './rollout.ts';
import * as say from './say.ts';
import { gapInWords, obstacleInWords, standing } from './several.ts';
import type { Sight } from './sight.ts';
import type { In } from './state.ts';
import { isSameShare, type Millis } from './units.ts';
import { voided } from './void-approval.ts';

type RollingBack = In<'rollingBack'>;

/** How long a write may fail before somebody is paged. */
const stuckAfterMs = 60_000;
/** How long a VirtualService may be gone before it counts as gone for good. */
export const targetMissingLimitMs = 60_000;
const shortestRetryMs = 1000;
const longestRetryMs = 10_000;

/** Leaves the way forward for good: from here on no traffic ever goes back to this canary. */
export function turnBack(rollout: Rollout, cause: Cause, sight: Sight, now: Millis): Decision {
  const turned = turnedBack(rollout, cause, canaryd, now);
  const decision = goBack(turned.rollout, turned.state, sight, now);
  return preceded([turned.event, ...turned.voided], decision);
}

/** The same without a look at the mesh, for a person's word: the next turn writes. */
export function turnedBack(rollout: Rollout, cause: Cause, by: Actor, now: Millis): Turned {
  const handover = rollout.state.kind === 'handingOver' ? { fromHandover: true as const } : {};
  const state: RollingBack = {
    kind: 'rollingBack',
    since: now,
    cause,
    by,
    stuck: null,
    firstEpoch: null,
    ...handover,
  };
  const traffic = { ...rollout.traffic, desired: 0 };
  const approvals = closed(rollout.approvals, 'void');
  const why = because.cause(cause, by);
  return {
    state,
    rollout: { ...rollout, state, traffic, approvals },
    event: event('rollout.rolling_back', `rolling back: ${why}`, { cause }, by),
    voided: voided(rollout.approvals, why),
  };
}

type Turned = {
  rollout: Rollout;
  state: RollingBack;
  event: AuditEvent;
  /** A request for approval that nobody need answer any more. */
  voided: AuditEvent[];
};

/**
 * A turn on the way back. It writes even when the canary's share is 0 already: a patch of an earlier turn may still
 * be on its way, and only a newer write makes it stale.
 */
export function goBack(given: Rollout, from: RollingBack, sight: Sight, now: Millis): Decision {
  const { view } = sight;
  // What stands at 0 is told of at the end.
  if (view.kind !== 'split' || view.canaryShare === 0) return turnOnTheWayBack(given, from, sight, now);
  const { rollout, events } = toldAsFound(given, view, now);
  return preceded(events, turnOnTheWayBack(rollout, from, sight, now));
}

function turnOnTheWayBack(before: Rollout, from: RollingBack, { view, epoch }: Sight, now: Millis): Decision {
  const state = { ...from, firstEpoch: from.firstEpoch ?? epoch };
  const rollout = inState(before, state);
  if (view.kind === 'missing') return waitForTarget(rollout, state, view, now);
  const obstacle = obstacleTo(rollout, state, view);
  if (obstacle !== null) return keepTrying(rollout, state, obstacle, now);
  if (view.kind === 'split' && isBack(rollout, state, view))
    return view.gaps === undefined
      ? returned(rollout, state, now)
      : waitForGaps(rollout, state, { view, gaps: view.gaps }, now);
  // Writes that failed are over once one is read back; until then nobody is paged again for each attempt.
  const stuck = state.stuck?.kind === 'meshWriteFailed' ? state.stuck : null;
  const write = { share: 0, end: true };
  return decided(inState(rollout, { ...state, stuck }), { write, nextAt: now });
}

/**
 * True when a write of an earlier turn on the way back stands in the mesh, whose answer was lost: it has made every
 * patch from before the rollback stale, so that another write would add nothing. Without this an API server that is
 * slower than our patience would keep a finished rollback from ending.
 */
export function isBack(
  rollout: Pick<Rollout, 'id'>,
  { firstEpoch }: Pick<RollingBack, 'firstEpoch'>,
  view: SplitView,
): boolean {
  if (view.canaryShare > 0 || view.managedRoutes.length > 0 || firstEpoch === null) return false;
  // A word that is left in the object is taken away by a write.
  return ownRolledBack(rollout, view) === null && isWrittenSince(rollout, view, firstEpoch);
}

/** Ends a rollback whose 0 % was read back. */
export function returned(before: Rollout, state: RollingBack, now: Millis): Decision {
  const { since, cause, by } = state;
  const ended: Rollout = {
    ...before,
    traffic: trafficAt(0, now),
    state: { kind: 'rolledBack', at: now, since, cause, by },
  };
  const message = `rolled back: ${say.traffic(ended)}; ${because.cause(cause, by)}`;
  const routes = before.traffic.managed.applied.length === 0 ? [] : [routesApplied(ended)];
  const weights = isSameShare(before.traffic.applied, 0)
    ? []
    : [weightApplied(before.traffic.applied, ended)];
  const moved = [...routes, ...weights];
  return decided(ended, { events: [...moved, event('rollout.rolled_back', message, { cause })] });
}

/** An object that is created anew is gone for a moment: only one that stays away is lost. */
function waitForTarget(
  rollout: Rollout,
  state: RollingBack,
  { name, rest = '' }: { name?: string; rest?: string },
  now: Millis,
): Decision {
  const since = state.stuck?.kind === 'targetMissing' ? state.stuck.since : now;
  if (now - since >= targetMissingLimitMs) return lost(rollout, state, { name, rest }, now);
  const object = name === undefined ? {} : { object: name };
  return keepTrying(rollout, state, { kind: 'targetMissing', since, ...object }, now);
}

/** All others are back; the way back ends with these, or where they stay away. */
function waitForGaps(
  rollout: Rollout,
  state: RollingBack,
  { view, gaps }: { view: SplitView; gaps: Gap[] },
  now: Millis,
): Decision {
  const rest = (view.objects ?? []).map(standing).join('; ');
  const gone = gaps.filter((gap) => gap.view.kind === 'missing').map(({ name }) => name);
  if (gone.length === gaps.length) return waitForTarget(rollout, state, { name: gone.join(', '), rest }, now);
  const why = [...gaps.map(gapInWords), rest].join('; ');
  const isShape = gaps.every((gap) => gap.view.kind === 'shape');
  const misshapen = isShape ? { misshapen: true as const } : {};
  return keepTrying(rollout, state, { kind: 'meshWriteFailed', why, ...misshapen }, now);
}

/** The way back is not done yet: say so once it is overdue, and try again for ever. */
export function keepTrying(
  rollout: Rollout,
  state: RollingBack,
  obstacle: StuckReason,
  now: Millis,
): Decision {
  const waitedMs = now - state.since;
  const restMs = Math.min(longestRetryMs, Math.max(shortestRetryMs, waitedMs / 4));
  // Somebody is to be told in time, not after the next long rest.
  const nextAt = waitedMs < stuckAfterMs ? Math.min(now + restMs, state.since + stuckAfterMs) : now + restMs;
  const mustTell = obstacle.kind !== 'meshWriteFailed' || waitedMs >= stuckAfterMs;
  if (!mustTell) return decided(rollout, { nextAt });
  const stuck = inState(rollout, { ...state, stuck: obstacle });
  if (state.stuck?.kind === obstacle.kind) return decided(stuck, { nextAt });
  const message = `cannot finish rolling back: ${because.stuck(obstacle)}; ${say.traffic(stuck)}`;
  const facts = { reason: obstacle };
  return decided(stuck, {
    events: [event('rollout.stuck', message, facts), event('page', message, facts)],
    nextAt,
  });
}

function obstacleTo(
  rollout: Rollout,
  { by, fromHandover }: RollingBack,
  view: Exclude<MeshView, { kind: 'missing' }>,
): StuckReason | null {
  if (view.kind === 'shape') return { kind: 'meshWriteFailed', why: obstacleInWords(view), misshapen: true };
  if (view.kind === 'unavailable') return { kind: 'meshWriteFailed', why: obstacleInWords(view) };
  if (!view.hasStable) return { kind: 'stableMissing' };
  // Stable was brought to the canary's images meanwhile: to call that rolled back would be a lie.
  const carriers = carriersIn(view.images.stable, rollout.identity);
  if (fromHandover && carriers !== null && carriers.present > 0) return { kind: 'stableCarries' };
  const { stable } = view.readiness;
  const wouldTakeAllDown = stable.kind === 'known' && stable.ready === 0 && view.canaryShare > 0;
  // Only a person may choose an outage: what canaryd decided by itself waits for a stable pod.
  return wouldTakeAllDown && by.kind === canaryd.kind ? { kind: 'stableNotReady' } : null;
}

function lost(
  rollout: Rollout,
  { cause }: RollingBack,
  { name, rest }: { name: string | undefined; rest: string },
  now: Millis,
): Decision {
  const gone = name === undefined ? 'the VirtualService is gone' : `${name} is gone`;
  const why = `${gone}, so no weight can be restored${rest === '' ? '' : ` there; ${rest}`}`;
  const message = `rollback failed: ${why}`;
  const ended = inState(rollout, { kind: 'rollbackFailed', at: now, cause, why });
  return decided(ended, {
    events: [event('rollout.rollback_failed', message), event('page', message)],
  });
}
