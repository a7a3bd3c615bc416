import { advance, type TurnDeps, type TurnEnd } from './advance.ts';
import type { FailureRecord, Store } from './ports/store.ts';
import { afterFailure, afterNoReading, endOfQuarantine } from './quarantine.ts';

/**
 * Whose fault a turn's failure is: `null` is nobody's of the rollout, such as a lost database; otherwise the name of
 * the error, without its message and without values.
 */
export type Blame = (error: unknown, id: string) => string | null;

/** Rollouts that this process could not even claim, and asks for again only some sweeps later. */
type Aside = {
  ids(): string[];
  has(id: string): boolean;
  add(id: string, sweeps: number): void;
  /** One more sweep begins. */
  next(): void;
};

export type TurnTaking = { blame: Blame; aside: Aside };

/** How a turn was taken. `record` is what was written down about its failure; null when nothing was. */
export type Taken =
  | { kind: 'ended'; end: TurnEnd }
  | { kind: 'failed'; error: unknown; record: FailureRecord | null };

/** Sweeps that a row is left alone that could not be claimed: a version that reads it must find it free. */
const sweepsAside = 2;

/** An empty list. It lives as long as the process: what another process could not read is none of its business. */
export function noneAside(): Aside {
  const left = new Map<string, number>();
  return {
    ids: () => [...left.keys()],
    has: (id) => left.has(id),
    add: (id, sweeps) => left.set(id, sweeps + 1),
    next: () => {
      for (const [id, sweeps] of left) {
        if (sweeps <= 1) left.delete(id);
        else left.set(id, sweeps - 1);
      }
    },
  };
}

/**
 * Takes one turn and counts its failure on the rollout's row when it is the rollout's fault: the next try waits longer
 * each time, and the fifth failure in a row puts it into quarantine. A turn that works ends that. Throws only when the
 * failure cannot be written down.
 */
export async function takeTurn(deps: TurnDeps, id: string, { blame, aside }: TurnTaking): Promise<Taken> {
  const held: Held = { epoch: null };
  try {
    return { kind: 'ended', end: await advance({ ...deps, store: watched(deps.store, held) }, id) };
  } catch (error) {
    const why = blame(error, id);
    if (why === null) return { kind: 'failed', error, record: null };
    const record =
      held.epoch === null ? await notClaimed(deps, id, why, aside) : await counted(deps, id, held.epoch, why);
    return { kind: 'failed', error, record };
  }
}

/** The epoch that the turn has; null before its claim. */
type Held = { epoch: number | null };

function watched(store: Store, held: Held): Store {
  let ended: (change: Parameters<Store['save']>[2]) => typeof change = (change) => change;
  return {
    ...store,
    claim: async (...asked) => {
      const claim = await store.claim(...asked);
      if (claim === null) return null;
      const { epoch, trouble, rollout } = claim;
      held.epoch = epoch;
      if (trouble.quarantinedAt !== null) {
        const event = endOfQuarantine(rollout.id, trouble);
        ended = (change) => (change.release ? { ...change, events: [event, ...change.events] } : change);
      }
      return claim;
    },
    save: async (id, epoch, change) => {
      const saved = await store.save(id, epoch, ended(change));
      if (saved.kind === 'saved') held.epoch = change.raiseTo ?? epoch;
      return saved;
    },
  };
}

async function counted(
  { store, alarm }: TurnDeps,
  id: string,
  epoch: number,
  why: string,
): Promise<FailureRecord | null> {
  const record = await store.fail(id, epoch, (turn) => afterFailure(turn, why));
  if (record !== null && record.nextAt !== null) await alarm.ring(id, record.nextAt, record.now);
  return record;
}

async function notClaimed(
  { store }: TurnDeps,
  id: string,
  why: string,
  aside: Aside,
): Promise<FailureRecord | null> {
  aside.add(id, sweepsAside);
  return store.fail(id, null, (turn) => afterNoReading(turn, why));
}
