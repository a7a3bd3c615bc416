import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';
import { namesIn } from './names.ts';
import { blindWindows } from './plan-faults.ts';
import { misfits } from './plan-fits.ts';
import type { Resolution } from './ports/mesh.ts';
import type { HoldOrder } from './ports/store.ts';
import { isScheduled, newRollout, type Rollout, type StoredRollout } from './rollout.ts';
import * as say from './say.ts';
import { dueAt, type Obstacle, type ScheduledRollout } from './scheduled.ts';
import { objectName } from './several.ts';
import type { Target } from './target.ts';
import type { Millis } from './units.ts';

/** How often a rollout whose time has come looks whether it may begin. */
const lookEveryMs = 5000;
/** How long it waits for a target that cannot be read as it stands. */
const patienceMs = 60_000;
/** A start that is a day late is no longer what was asked for. */
export const longestWaitMs = 86_400_000;

/** The target as the mesh has it now, and how often its cluster's metrics are scraped. */
export type Found =
  | { kind: 'resolved'; target: Target; scrapeSeconds: number }
  | Exclude<Resolution, { kind: 'resolved' }>;

/** What the turn of a scheduled rollout saw. */
export type ScheduledSight = {
  /** A hold order whose scope the rollout lies in. */
  order: HoldOrder | null;
  /** Every rollout on its VirtualService that has not ended, the oldest first. */
  namesakes: StoredRollout[];
  /** Null when there was no need to read the mesh. */
  found: Found | null;
};

/** What was decided; with its roles the scheduled rollout becomes one in preflight. */
export type ScheduledDecision = { rollout: StoredRollout; events: AuditEvent[]; nextAt: Millis | null };

/** What becomes of a scheduled rollout, given what was seen at `now` (PostgreSQL's clock). Pure. */
export function decideScheduled(
  rollout: ScheduledRollout,
  sight: ScheduledSight,
  now: Millis,
): ScheduledDecision {
  const due = dueAt(rollout);
  if (now < due) return { rollout, events: [], nextAt: due };
  if (now - due >= longestWaitMs) return giveUp(rollout, tooLate(rollout), now);
  if (sight.order !== null) return waitFor(rollout, { kind: 'order', why: say.standing(sight.order) }, now);
  const front = inFrontOf(rollout, sight.namesakes, now);
  if (front !== null) return afterAnother(rollout, front, now);
  if (sight.found === null) return { rollout, events: [], nextAt: now + lookEveryMs };
  return sight.found.kind === 'resolved'
    ? begin(rollout, sight.found, now)
    : patient(rollout, faultIn(rollout, sight.found), now);
}

/** True when nothing but the target itself can stand in its way, so that the mesh is worth reading. */
export function wantsTarget(
  rollout: ScheduledRollout,
  { order, namesakes }: Pick<ScheduledSight, 'order' | 'namesakes'>,
  now: Millis,
): boolean {
  const waited = now - dueAt(rollout);
  const isInTime = waited >= 0 && waited < longestWaitMs;
  return isInTime && order === null && inFrontOf(rollout, namesakes, now) === null;
}

/** Another one was faster: it took the VirtualService between the look and the write. */
export function overtaken(rollout: ScheduledRollout, by: string, now: Millis): ScheduledDecision {
  return afterAnother(rollout, by, now);
}

/**
 * The id of the rollout that this one comes after; null when it is first. Who queues stands behind those that queued
 * before and whose time has come, and they behind the one that holds the VirtualService.
 */
export function inFrontOf(
  { id, onConflict }: Pick<ScheduledRollout, 'id' | 'onConflict'>,
  namesakes: readonly StoredRollout[],
  now: Millis,
): string | null {
  const holder = namesakes.find((one) => !isScheduled(one))?.id ?? null;
  if (onConflict === 'reject') return holder;
  const before = namesakes
    .filter(isScheduled)
    .filter((other) => other.onConflict === 'queue' && other.id < id && dueAt(other) <= now);
  return before.at(-1)?.id ?? holder;
}

function afterAnother(rollout: ScheduledRollout, front: string, now: Millis): ScheduledDecision {
  if (rollout.onConflict === 'queue') return waitFor(rollout, { kind: 'behind', rollout: front }, now);
  const held = namesIn(rollout.target).map(objectName).join(' or ');
  return giveUp(rollout, `rollout ${front} holds ${held}, and this one was not to queue`, now);
}

/** An obstacle is told of once, and again when it is another one. */
function waitFor(rollout: ScheduledRollout, obstacle: Obstacle, now: Millis): ScheduledDecision {
  const before = rollout.state.kind === 'waiting' ? rollout.state.obstacle : null;
  const events = isSameObstacle(before, obstacle)
    ? []
    : [event('rollout.waiting', `not started yet, no traffic was moved: ${inWords(obstacle)}`, { obstacle })];
  return {
    rollout: { ...rollout, state: { kind: 'waiting', obstacle } },
    events,
    nextAt: now + lookEveryMs,
  };
}

function isSameObstacle(before: Obstacle | null, after: Obstacle): boolean {
  if (before?.kind === 'behind' && after.kind === 'behind') return before.rollout === after.rollout;
  if (before?.kind === 'order' && after.kind === 'order') return before.why === after.why;
  return before?.kind === after.kind;
}

/** Why a rollout whose time has come does not begin, without the full stop. */
export function inWords(obstacle: Obstacle): string {
  return obstacle.kind === 'behind' ? `queued behind ${obstacle.rollout}` : obstacle.why;
}

function patient(rollout: ScheduledRollout, why: string, now: Millis): ScheduledDecision {
  const before = rollout.state.kind === 'waiting' ? rollout.state.obstacle : null;
  const since = before?.kind === 'fault' ? before.since : now;
  if (now - since >= patienceMs) return giveUp(rollout, why, now);
  return waitFor(rollout, { kind: 'fault', why, since }, now);
}

function faultIn({ target }: ScheduledRollout, found: Exclude<Found, { kind: 'resolved' }>): string {
  switch (found.kind) {
    case 'missing':
      return `there is no VirtualService ${found.name ?? objectName(target)}`;
    case 'shape':
      return `${found.fault.path}: ${found.fault.message}`;
    case 'unavailable':
      return `the VirtualService cannot be read: ${found.why}`;
  }
}

function giveUp(rollout: ScheduledRollout, why: string, now: Millis): ScheduledDecision {
  const state = { kind: 'preflightFailed' as const, at: now, why };
  return {
    rollout: { ...rollout, revision: rollout.revision + 1, state },
    events: [event('rollout.preflight_failed', `not started, no traffic was moved: ${why}`)],
    nextAt: null,
  };
}

function tooLate({ state }: ScheduledRollout): string {
  const obstacle = state.kind === 'waiting' ? state.obstacle : null;
  const why = obstacle === null ? '' : `; at last: ${inWords(obstacle)}`;
  return `it could not begin within ${say.seconds(longestWaitMs / 1000)} after its time${why}`;
}

/** From here on it is a rollout like any other; preflight judges the rest. */
function begin(
  rollout: ScheduledRollout,
  { target, scrapeSeconds }: Extract<Found, { kind: 'resolved' }>,
  now: Millis,
): ScheduledDecision {
  const [fault] = [...blindWindows(rollout.plan, scrapeSeconds), ...misfits(rollout.plan, target)];
  if (fault !== undefined) return giveUp(rollout, `plan/${fault.path.join('/')}: ${fault.message}`, now);
  const { id, plan, planVersion, requestedBy, reason, startAt } = rollout;
  const schedule = { startAt, begunAt: now };
  const begun: Rollout = {
    ...newRollout({ id, target, plan, planVersion, requestedBy, reason, schedule }, scrapeSeconds, now),
    revision: rollout.revision + 1,
    createdAt: rollout.createdAt,
  };
  const message = `its turn has come: preflight of ${target.stable.version} to ${target.canary.version}`;
  return { rollout: begun, events: [event('rollout.preflight', message)], nextAt: now };
}
