import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';
import { namesIn } from './names.ts';
import { isScheduled, type StoredRollout } from './rollout.ts';
import { objectName } from './several.ts';
import { inWords } from './start-scheduled.ts';

/** The first audit row of every rollout: who asked for what, and when it is to begin. */
export function askedFor(rollout: StoredRollout): AuditEvent {
  const { plan, planVersion, reason, requestedBy } = rollout;
  const facts = { plan: plan.name, planVersion, reason };
  if (!isScheduled(rollout)) {
    const { stable, canary } = rollout.target;
    const message = `rollout of ${stable.version} to ${canary.version} asked for by ${requestedBy.name}`;
    return event('rollout.scheduled', message, facts, requestedBy);
  }
  const { target, startAt, onConflict, state } = rollout;
  const obstacle = state.kind === 'waiting' ? state.obstacle : null;
  const at = startAt === null ? null : new Date(startAt).toISOString();
  const when = at === null ? (obstacle === null ? 'to begin now' : inWords(obstacle)) : `scheduled for ${at}`;
  const where = namesIn(target).map(objectName).join(' and ');
  const message = `rollout on ${where} asked for by ${requestedBy.name}, ${when}`;
  return event('rollout.scheduled', message, { ...facts, startAt: at, onConflict }, requestedBy);
}
