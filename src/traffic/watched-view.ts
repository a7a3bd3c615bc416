import { recentBehindStaleSeconds } from '../rollout/ports/mesh.ts';
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

/** One resource of one namespace. */
export type WatchSource<Item> = Pick<WatchCalls, 'open' | 'denied'> & {
  /** What is kept of an object, or null when it is not understood. */
  read(object: unknown): Item | null;
};

/** What is known of one resource in one namespace, and how far that can be trusted. */
export type WatchedView<Item> = Pick<WatchedObjects<Item>, 'find' | 'all' | 'wrote'> & {
  /** True while what is known is young enough, so that the stream may even be half open. */
  isWarm(): boolean;
  /** Lists where that is due, and follows the changes from what is known then. Ends with the stream. */
  goOn(): Promise<Followed>;
  forget(): void;
};

/** `hasLasted` says whether the stream was of any use. */
type Followed = { end: WatchEnd; hasLasted: boolean };

/** The oldest list that what is known may stand on, in milliseconds. */
const listLastsMs = 1000 * recentBehindStaleSeconds;
/** A list is due at the latest after this, in milliseconds: a stream may be under way then, and the list takes its time. */
const listAgainMs = 240_000;
const streamSeconds = 30;
/** Long enough to be told everything that happened while no stream was open. */
const catchUpSeconds = 2;
/** A stream that ends sooner, even cleanly, is a fault: asking again at once would go round in circles. */
const shortMs = 1000;
const longMs = 20_000;

/** Knows nothing at first. */
export function watchedView<Item>(
  source: WatchSource<Item>,
  clock: WatchClock,
  stopped: AbortSignal,
): WatchedView<Item> {
  const calls: WatchCalls = { ...source, after: clock.after, stopped };
  const trust = trustAt(clock);
  let objects = watchedObjects(source.read);
  let coming: WatchedObjects<Item> | null = null;

  /** What was known stays in use until the list is whole. */
  async function list(): Promise<WatchEnd | null> {
    const asked = clock.now();
    const listed = watchedObjects(source.read);
    coming = listed;
    const end = await listAll(listed, calls);
    coming = null;
    if (end !== null) return end;
    // Whatever its version: after a restore of etcd the newest is older than the one known.
    objects = listed;
    trust.listed(asked);
    return null;
  }

  return {
    find: (name) => objects.find(name),
    all: () => objects.all(),
    wrote: (object) => {
      objects.wrote(object);
      // A list that is under way may not show it.
      coming?.wrote(object);
    },
    isWarm: trust.isWarm,
    goOn: async () => {
      const unlisted = trust.isListDue() ? await list() : null;
      // A list that failed while enough is known is asked for again after the next stream.
      const isStuck = unlisted !== null && (unlisted === 'denied' || !trust.hasVersion());
      const followed =
        isStuck || stopped.aborted
          ? { end: unlisted ?? 'broken', hasLasted: false }
          : await followFrom(objects, calls, { clock, trust });
      trust.ended(followed.end);
      return followed;
    },
    forget: () => {
      objects = watchedObjects(source.read);
    },
  };
}

type Trust = ReturnType<typeof trustAt>;

async function followFrom(
  objects: WatchedObjects<unknown>,
  calls: WatchCalls,
  { clock, trust }: { clock: WatchClock; trust: Trust },
): Promise<Followed> {
  const stream = async (seconds: number, opened: () => void): Promise<Followed> => {
    // From the answer on: the time that a server takes to refuse a stream is none of its life.
    let openedAt = Number.POSITIVE_INFINITY;
    const end = await follow(objects, calls, {
      seconds,
      opened: () => {
        openedAt = clock.now();
        opened();
      },
    });
    const livedMs = clock.now() - openedAt;
    if (end !== 'ended') return { end, hasLasted: livedMs >= longMs };
    if (livedMs < shortMs) return { end: 'broken', hasLasted: false };
    trust.told();
    return { end, hasLasted: true };
  };
  if (trust.isBehind()) {
    const caughtUp = await stream(catchUpSeconds, () => undefined);
    if (caughtUp.end !== 'ended') return caughtUp;
  }
  return stream(streamSeconds, trust.opened);
}

/** Everything was told up to `asOf`: by a list that was asked for then, or by a stream that ended cleanly then. */
function trustAt(clock: WatchClock) {
  const never = Number.NEGATIVE_INFINITY;
  let [asOf, listedAt, dueAt] = [never, never, never];
  let [isOpen, isBehind, hasVersion] = [false, false, false];
  return {
    isWarm: () => isOpen && clock.now() - asOf <= cutMs && clock.now() - listedAt <= listLastsMs,
    isListDue: () => !hasVersion || clock.now() >= dueAt,
    isBehind: () => isBehind,
    /** Whether the server may still know the version to go on from. */
    hasVersion: () => hasVersion,
    listed: (asked: number) => {
      [asOf, listedAt] = [asked, asked];
      // The chance keeps the lists of many namespaces apart.
      dueAt = asked + listAgainMs * (0.5 + clock.random() / 2);
      [isBehind, hasVersion] = [false, true];
    },
    opened: () => {
      isOpen = true;
    },
    told: () => {
      asOf = clock.now();
      isBehind = false;
    },
    /** After a clean end what was told is used on until the next stream: it is young. */
    ended: (end: WatchEnd) => {
      if (end === 'ended') return;
      [isOpen, isBehind] = [false, true];
      if (end === 'expired') hasVersion = false;
    },
  };
}
