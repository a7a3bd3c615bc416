import { cutMs, follow, listAll, type WatchCalls, type WatchEnd } from './watch-calls.ts';
import { type WatchedObjects, watchedObjects } from './watched-objects.ts';

/** All that a watch knows of time and chance. `now` is in milliseconds and never goes back. */
export type WatchClock = {
  now(): number;
  /** Acts once after so many milliseconds; call the answer to not act any more. */
  after(ms: number, act: () => void): () => void;
  /** At least 0, below 1. */
  random(): number;
};

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

/** One resource of one namespace. */
export type WatchSource<Item> = Pick<WatchCalls, 'open' | 'denied'> & {
  /** What is kept of an object, or null when it is not understood. */
  read(object: unknown): Item | null;
};

export type WatchedList<Item> = Pick<WatchedObjects<Item>, 'find' | 'all' | 'wrote'> & {
  /** True while a stream is open and what it goes on from is young enough, so that it may even be half open. */
  isWarm(): boolean;
  /** Somebody looks: the watch goes on. */
  touch(): void;
  /** True when it has ended for good, because it was stopped or nobody looked for long. */
  hasEnded(): boolean;
  stop(): void;
};

/** A stream that ends sooner, even cleanly, is a fault: asking again at once would go round in circles. */
const shortMs = 1000;
const idleMs = 120_000;
const deniedMs = 300_000;
const firstWaitMs = 1000;
const longestWaitMs = 30_000;

/**
 * Lists one resource and follows its changes until nobody has looked for two minutes. A stream that breaks makes the
 * list cold at once; it is then asked for again, ever more slowly while that fails. Where the right is missing it is
 * tried again every five minutes.
 */
export function watchList<Item>(source: WatchSource<Item>, clock: WatchClock): WatchedList<Item> {
  const objects = watchedObjects(source.read);
  const stop = new AbortController();
  let isOpen = false;
  // A stream that has just begun, or just ended cleanly, has told everything up to here.
  let asOf = clock.now();
  let touchedAt = clock.now();

  const watched = {
    list: () => {
      asOf = clock.now();
      return listAll(objects, calls);
    },
    follow: async () => {
      const asked = clock.now();
      const end = await follow(objects, calls, () => {
        isOpen = true;
      });
      isOpen = false;
      asOf = clock.now();
      return { end, lasted: asOf - asked >= shortMs };
    },
    isOver: () => stop.signal.aborted || clock.now() - touchedAt > idleMs,
  };
  const calls: WatchCalls = { ...source, after: clock.after, stopped: stop.signal };
  void keepUp(watched, clock, stop.signal).finally(() => {
    stop.abort();
    objects.begin();
  });
  return {
    find: objects.find,
    all: objects.all,
    wrote: objects.wrote,
    isWarm: () => isOpen && clock.now() - asOf <= cutMs,
    touch: () => {
      touchedAt = clock.now();
    },
    hasEnded: () => stop.signal.aborted,
    stop: () => stop.abort(),
  };
}

type Watched = {
  /** Null when the list is whole. */
  list(): Promise<WatchEnd | null>;
  follow(): Promise<{ end: WatchEnd; lasted: boolean }>;
  isOver(): boolean;
};

/** Lists, follows, and lists again when that ends, until it is over. */
async function keepUp(watched: Watched, clock: WatchClock, stopped: AbortSignal): Promise<void> {
  let failures = 0;
  while (!watched.isOver()) {
    const { end, lasted } = await listAndFollow(watched);
    if (watched.isOver()) return;
    const before = lasted ? 0 : failures;
    failures = lasted && end === 'expired' ? 0 : before + 1;
    await rest(clock, end === 'denied' ? deniedMs : waitMs(failures, clock.random()), stopped);
  }
}

/** Ends when no stream can go on where the last one ended. `lasted` says whether one of them was of any use. */
async function listAndFollow(watched: Watched): Promise<{ end: WatchEnd; lasted: boolean }> {
  const unlisted = await watched.list();
  if (unlisted !== null) return { end: unlisted, lasted: false };
  for (let lasted = false; ; lasted = true) {
    const followed = await watched.follow();
    if (followed.end !== 'ended' || !followed.lasted || watched.isOver()) {
      return { end: followed.end, lasted: lasted || followed.lasted };
    }
  }
}

/** Doubles with every failure in a row; the chance keeps many streams that broke at once from coming back at once. */
function waitMs(failures: number, random: number): number {
  if (failures === 0) return 0;
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
