import type { Alarm } from '../rollout/ports/alarm.ts';
import type { Millis } from '../rollout/units.ts';
import type { Warns } from './backend.ts';
import { inTime } from './deadline.ts';
import { kindOf } from './failure.ts';

/** One wake-up: nothing is decided from it, so it names the rollout and no more. */
type WakeUp = { jobId: string; rolloutId: string; delayMs: number };
export type WakeQueue = {
  add(wakeUp: WakeUp): Promise<void>;
  close(): Promise<void>;
};

const callDeadlineMs = 1000;

/** Alarms on a queue. A lost alarm is logged, the first of each kind of failure, and found by the sweep. */
export function alarmOn(queue: WakeQueue, log: Warns): Alarm {
  const seen = new Set<string>();
  function lost(kind: string): void {
    if (seen.has(kind)) return;
    seen.add(kind);
    log.warn({ failure: kind }, 'an alarm was not set: the sweep takes its place');
  }
  return {
    ring: async (id, at, now) => {
      try {
        if (await inTime(queue.add(wakeUp(id, at, now)), callDeadlineMs)) seen.clear();
        else lost('timeout');
      } catch (cause) {
        lost(kindOf(cause));
      }
    },
  };
}

/** The same wake-up asked for twice is one job. Both times are PostgreSQL's, so only their difference is used. */
function wakeUp(rolloutId: string, at: Millis, now: Millis): WakeUp {
  return { jobId: `wake-${rolloutId}-${at}`, rolloutId, delayMs: Math.max(0, Math.ceil(at - now)) };
}
