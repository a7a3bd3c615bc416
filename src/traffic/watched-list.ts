import type { WatchEnd } from './watch-calls.ts';
import type { WatchedObjects } from './watched-objects.ts';
import { type WatchClock, type WatchedView, type WatchSource, watchedView } from './watched-view.ts';

/** It does not keep the process alive. */
export const realClock: WatchClock = {
  now: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

export type WatchedList<Item> = Pick<WatchedObjects<Item>, 'find' | 'all' | 'wrote'> & {
  /**
   * True while what is known is at most 33 s old even when its stream is half open, and at most five minutes old even
   * when the API server itself is stale and tells nothing.
   */
  isWarm(): boolean;
  /** Somebody looks: the watch goes on. */
  touch(): void;
  /** True when it has ended for good, because it was stopped or nobody looked for long. */
  hasEnded(): boolean;
  stop(): void;
};

const idleMs = 120_000;
const deniedMs = 300_000;
const firstWaitMs = 1000;
const longestWaitMs = 30_000;

/**
 * Lists one resource and follows its changes until nobody has looked for two minutes. A stream that breaks makes the
 * list cold at once; it is then followed on from the newest version known, ever more slowly while that fails, and
 * listed anew only when the server has forgotten that version. All the same it is listed anew every few minutes: a
 * server whose own cache stands still ends each stream as it should and tells nothing. Where the right is missing it
 * is tried again every five minutes.
 */
export function watchList<Item>(source: WatchSource<Item>, clock: WatchClock): WatchedList<Item> {
  const stop = new AbortController();
  const view = watchedView(source, clock, stop.signal);
  let touchedAt = clock.now();
  const isOver = () => stop.signal.aborted || clock.now() - touchedAt > idleMs;
  void keepUp(view, { clock, isOver, stopped: stop.signal }).finally(() => {
    stop.abort();
    view.forget();
  });
  return {
    find: view.find,
    all: view.all,
    wrote: view.wrote,
    isWarm: () => !stop.signal.aborted && view.isWarm(),
    touch: () => {
      touchedAt = clock.now();
    },
    hasEnded: () => stop.signal.aborted,
    stop: () => stop.abort(),
  };
}

type Until = { clock: WatchClock; isOver: () => boolean; stopped: AbortSignal };

/** Goes on whenever a stream ends, ever more slowly while none is of use, until it is over. */
async function keepUp(view: WatchedView<unknown>, { clock, isOver, stopped }: Until): Promise<void> {
  let failures = 0;
  while (!isOver()) {
    const { end, hasLasted } = await view.goOn();
    failures = end === 'ended' ? 0 : 1 + (hasLasted ? 0 : failures);
    if (end !== 'ended' && !isOver()) await rest(clock, pauseMs(end, failures, clock.random()), stopped);
  }
}

/** A version that was forgotten is nobody's fault the first time. */
function pauseMs(end: WatchEnd, failures: number, random: number): number {
  if (end === 'denied') return deniedMs;
  return waitMs(end === 'expired' ? failures - 1 : failures, random);
}

/** Doubles with every failure in a row; the chance keeps many streams that broke at once from coming back at once. */
function waitMs(failures: number, random: number): number {
  if (failures <= 0) return 0;
  return Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - 1)) * (0.5 + random);
}

function rest({ after }: WatchClock, ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      stopped.removeEventListener('abort', end);
      resolve();
    };
    const cancel = after(ms, end);
    stopped.addEventListener('abort', end, { once: true });
  });
}
