import { actionsOfScheduled } from './allowed-actions.ts';
import type { Action } from './command.ts';
import * as say from './say.ts';
import { dueAt, type ScheduledRollout } from './scheduled.ts';
import { inWords, longestWaitMs } from './start-scheduled.ts';
import type { Millis } from './units.ts';

/** A rollout whose turn has not come, in words. `nextAt` is when canaryd looks next. */
export function explainScheduled(
  rollout: ScheduledRollout,
  nextAt: Millis | null,
  now: Millis,
): { what: string; traffic: string; next: string; actions: Action[] } {
  return {
    what: say.sentence(whatHappened(rollout, now)),
    traffic: say.sentence(traffic(rollout)),
    next: say.sentence(whatNext(rollout, nextAt, now)),
    actions: actionsOfScheduled(rollout),
  };
}

function traffic({ state }: ScheduledRollout): string {
  const moved = 'this rollout has moved no traffic';
  return state.kind === 'waiting' ? `${moved}; where traffic is gets read when its turn comes` : moved;
}

function whatHappened(rollout: ScheduledRollout, now: Millis): string {
  const { state } = rollout;
  switch (state.kind) {
    case 'waiting':
      return waiting(rollout, state.obstacle, now);
    case 'preflightFailed':
      return `not started: ${state.why}`;
    case 'cancelled':
      return `cancelled by ${state.by.name} before its turn came`;
  }
}

type Obstacle = Extract<ScheduledRollout['state'], { kind: 'waiting' }>['obstacle'];

function waiting(rollout: ScheduledRollout, obstacle: Obstacle, now: Millis): string {
  const due = dueAt(rollout);
  if (now < due) return `scheduled for ${say.moment(due, now)}`;
  if (obstacle === null) return 'its turn has come: reading the mesh before anything is moved';
  const since = rollout.startAt === null ? '' : ` (it was scheduled for ${say.moment(due, now)})`;
  return obstacle.kind === 'behind'
    ? `${inWords(obstacle)}${since}`
    : `waiting before anything is moved${since}: ${inWords(obstacle)}`;
}

function whatNext(rollout: ScheduledRollout, nextAt: Millis | null, now: Millis): string {
  if (rollout.state.kind !== 'waiting') return 'nothing: this rollout has ended';
  const { namespace, virtualService } = rollout.target;
  const due = dueAt(rollout);
  if (now < due) {
    const held = rollout.onConflict === 'queue' ? 'queues' : 'is refused';
    return `looks at ${say.moment(due, now)} and begins then; ${held} if another rollout holds ${namespace}/${virtualService} by then`;
  }
  const when = nextAt === null || nextAt <= now ? 'now' : `in ${say.seconds((nextAt - now) / 1000)}`;
  return `looks again ${when} and begins when nothing is in its way; gives up at ${say.moment(due + longestWaitMs, now)}`;
}
