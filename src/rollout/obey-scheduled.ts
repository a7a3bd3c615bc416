import { actionsOfScheduled } from './allowed-actions.ts';
import type { AuditEvent } from './audit.ts';
import type { Command, Refusal } from './command.ts';
import { event } from './decision.ts';
import { obey, wrongTransition } from './obey.ts';
import type { Actor } from './reasons.ts';
import { isScheduled, type StoredRollout } from './rollout.ts';
import type { ScheduledRollout } from './scheduled.ts';
import { staleView } from './stale-view.ts';
import type { Millis } from './units.ts';

/** A command that was obeyed, or why it was not, whether the rollout has begun or not. */
export type StoredObedience =
  | {
      kind: 'obeyed';
      decision: { rollout: StoredRollout; events: AuditEvent[]; nextAt: Millis | null };
    }
  | { kind: 'obeyedBefore' }
  | { kind: 'refused'; refusal: Refusal };

/** What a person's or a machine's word changes, also on a rollout whose turn has not come. Pure. */
export function obeyStored(
  rollout: StoredRollout,
  command: Command,
  actor: Actor,
  now: Millis,
): StoredObedience {
  return isScheduled(rollout)
    ? obeyScheduled(rollout, command, actor, now)
    : obey(rollout, command, actor, now);
}

/** Nothing was written, so rolling it back is cancelling it. */
function obeyScheduled(
  rollout: ScheduledRollout,
  command: Command,
  actor: Actor,
  now: Millis,
): StoredObedience {
  const stale = staleView(rollout, command);
  if (stale !== null) return { kind: 'refused', refusal: stale };
  const allowed = actionsOfScheduled(rollout);
  if (!allowed.includes(command.action))
    return { kind: 'refused', refusal: wrongTransition(rollout, command.action, allowed) };
  const reason = 'reason' in command ? (command.reason ?? null) : null;
  const why = reason === null ? '' : `: ${reason}`;
  const message = `cancelled by ${actor.name} before it began, no traffic was moved${why}`;
  const state = { kind: 'cancelled' as const, at: now, by: actor, reason };
  return {
    kind: 'obeyed',
    decision: {
      rollout: { ...rollout, revision: rollout.revision + 1, state },
      events: [event('rollout.cancelled', message, {}, actor)],
      nextAt: null,
    },
  };
}
