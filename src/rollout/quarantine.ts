import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';
import { type Explanation, explain } from './explain.ts';
import { breakGlass, breakGlassOn } from './mesh-mend.ts';
import type { FailedTurn, FailureRecord, RowFacts, Trouble } from './ports/store.ts';
import { isScheduled, type StoredRollout } from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';

/** Failures of its turn, one after the other, after which a rollout is quarantined and somebody is told. */
const failuresToQuarantine = 5;

/** Milliseconds between two tries; going back is never kept waiting for long. */
const longestPause = { any: 60_000, goingBack: 5000 } as const;

/**
 * Milliseconds after which nobody took a row that is due. A worker of another version that can read it would have,
 * at one of its sweeps.
 */
const untakenMs = 30_000;

/** Since when a rollout's turns fail for a reason of its own, how often they did, and with which error. */
type Quarantine = { since: Millis; failures: number; why: string };

/** Of a rollout whose last turn worked. */
export const noTrouble: Trouble = { failures: 0, why: null, quarantinedAt: null };

/** The quarantine that a rollout is in; null when it is in none. */
export function quarantineOf({ quarantinedAt, failures, why }: Trouble): Quarantine | null {
  return quarantinedAt === null ? null : { since: quarantinedAt, failures, why: why ?? 'unknown' };
}

/** Milliseconds to wait after so many failures in a row: 1 s, then twice as long each time, 60 s at most. */
export function pauseAfter(failures: number, status: string): Millis {
  return Math.min(longestPauseOf(status), 1000 * 2 ** Math.min(failures - 1, 10));
}

/** What to write down when a turn failed that was claimed. `why` names the error and holds no value. */
export function afterFailure(turn: FailedTurn, why: string): FailureRecord {
  const { row, now } = turn;
  const trouble = { ...row.trouble, failures: row.trouble.failures + 1, why };
  const nextAt = now + pauseAfter(trouble.failures, row.status);
  if (trouble.failures < failuresToQuarantine || trouble.quarantinedAt !== null)
    return { trouble, nextAt, events: [], now };
  return quarantined({ ...turn, dueAt: nextAt }, { ...trouble, quarantinedAt: now });
}

/**
 * What to write down when a row cannot even be claimed, for want of a version that reads it: nothing while one may
 * come. `nextAt` stays as it is, so that such a version finds it due.
 */
export function afterNoReading(turn: FailedTurn, why: string): FailureRecord | null {
  const { row, dueAt, now } = turn;
  if (row.trouble.quarantinedAt !== null || now - dueAt < untakenMs) return null;
  const trouble = { failures: row.trouble.failures + 1, why, quarantinedAt: now };
  return { ...quarantined(turn, trouble), nextAt: null };
}

/** The audit event of a turn that works again. */
export function endOfQuarantine(id: string, trouble: Trouble): AuditEvent {
  const message = `a turn of ${id} works again after ${failed(trouble.failures)}: its quarantine has ended`;
  return event('rollout.quarantine_ended', message, { failures: trouble.failures });
}

/** The four things about a rollout in quarantine; `rollout` is null when this version cannot read it. */
export function explainQuarantine(
  row: RowFacts,
  rollout: StoredRollout | null,
  nextAt: Millis | null,
  now: Millis,
): Explanation {
  const { quarantinedAt, failures, why } = row.trouble;
  const since = quarantinedAt === null ? '' : ` since ${say.moment(quarantinedAt, now)}`;
  const failed = `its turn failed ${times(failures)}, the last time with ${why ?? 'an unknown error'}`;
  if (rollout === null) return explainUnreadable(row, now);
  const usual = explain(rollout, nextAt, now);
  return {
    what: `${say.sentence(`quarantined${since}: ${failed}`)} ${usual.what}`,
    traffic: `When it was last read: ${usual.traffic}`,
    next: `${say.sentence(tries(row, nextAt, now))} ${say.sentence(toGoBack(rollout))}`,
    actions: usual.actions,
  };
}

/** The four things about a row that this version cannot read: what its columns tell, and what is left to do. */
export function explainUnreadable(row: RowFacts, now: Millis): Explanation {
  const { quarantinedAt } = row.trouble;
  const since = quarantinedAt === null ? '' : ` It is quarantined since ${say.moment(quarantinedAt, now)}.`;
  return {
    what: `This version of canaryd cannot read the rollout: a newer version wrote it, or it is damaged.${since}`,
    traffic: `Not known here: read it with kubectl get virtualservice ${row.virtualService} -n ${row.namespace} -o yaml.`,
    next: `Nothing of it is changed; a canaryd that can read it goes on with it. ${say.sentence(byHand(row))}`,
    actions: [],
  };
}

function quarantined(turn: FailedTurn, trouble: Trouble): FailureRecord {
  const { rollout, dueAt, now } = turn;
  const row = { ...turn.row, trouble };
  const explanation = explainQuarantine(row, rollout, dueAt, now);
  const facts = { failures: trouble.failures, failure: trouble.why, explanation };
  const { what, traffic, next } = explanation;
  const message = [what, traffic, next].join(' ');
  const events = [event('rollout.quarantined', what, facts), event('page', message, facts)];
  return { trouble, nextAt: dueAt, events, now };
}

function tries({ status }: RowFacts, nextAt: Millis | null, now: Millis): string {
  const first = nextAt === null ? '' : ` in ${say.seconds(Math.max(0, nextAt - now) / 1000)} and then`;
  return `tries again${first} every ${say.seconds(longestPauseOf(status) / 1000)} at the latest; nothing moves forward`;
}

function toGoBack(rollout: StoredRollout): string {
  const send = `to go back send POST /v1/rollouts/${rollout.id}/actions/rollback`;
  // One whose turn has not come has moved nothing.
  return isScheduled(rollout) ? send : `${send}; where that cannot work type: ${breakGlass(rollout.target)}`;
}

/** What a row tells without its rollout: the first of the VirtualServices. */
function byHand(row: RowFacts): string {
  return `to go back type, once for each VirtualService that it moves: ${breakGlassOn(row)}`;
}

function longestPauseOf(status: string): Millis {
  return status === 'rolling_back' ? longestPause.goingBack : longestPause.any;
}

function times(failures: number): string {
  return failures === 1 ? 'once' : `${failures} times in a row`;
}

function failed(failures: number): string {
  return failures === 1 ? 'one failure' : `${failures} failures in a row`;
}
