import { gather } from '../gather.ts';
import type { Alarm } from '../rollout/ports/alarm.ts';
import type { Warns } from './backend.ts';
import { inTime } from './deadline.ts';
import { kindOf } from './failure.ts';
import { type Ring, type WakeUp, wakeUpsFor } from './wake-up.ts';

export type WakeQueue = {
  /** Keeps all of them or throws; some may be kept then. */
  add(wakeUps: WakeUp[]): Promise<void>;
  close(): Promise<void>;
};

const callDeadlineMs = 1000;

/** An alarm that is due sooner does not wait for others. */
const soonMs = 1000;

/**
 * Alarms on a queue, those that are set within a few milliseconds by one call. A lost alarm is logged, the first of
 * each kind of failure, and found by the sweep.
 */
export function alarmOn(queue: WakeQueue, log: Warns): Alarm {
  const seen = new Set<string>();
  function lost(kind: string): void {
    if (seen.has(kind)) return;
    seen.add(kind);
    log.warn({ failure: kind }, 'an alarm was not set: the sweep takes its place');
  }
  async function set(rings: Asked[]): Promise<void> {
    try {
      if (await inTime(queue.add(wakeUpsFor(rings.map(fromNow))), callDeadlineMs)) seen.clear();
      else lost('timeout');
    } catch (cause) {
      lost(kindOf(cause));
    }
  }
  const setTogether = gather<Asked, void>({
    waitMs: 50,
    most: 100,
    atOnce: 4,
    together: (rings) => {
      const setting = set(rings);
      return rings.map(() => setting);
    },
  });
  return {
    ring: (id, at, now) => {
      const ring = { id, at, delayMs: Math.max(0, Math.ceil(at - now)), askedAt: performance.now() };
      return ring.delayMs < soonMs ? set([ring]) : setTogether(ring);
    },
  };
}

/** `askedAt` by this process's own stopwatch, in milliseconds. */
type Asked = Ring & { askedAt: number };

/** Without the time that it waited for others; never too early, because a turn that is not due yet is not taken. */
function fromNow({ id, at, delayMs, askedAt }: Asked): Ring {
  return { id, at, delayMs: Math.max(0, delayMs - Math.floor(performance.now() - askedAt)) };
}
