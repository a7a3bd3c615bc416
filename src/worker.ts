import { AppError, codeOf, UnreadableRollout } from './errors.ts';
import { failureFields, type Log } from './log.ts';
import type { TurnDeps, TurnEnd } from './rollout/advance.ts';
import { slots } from './rollout/slots.ts';
import { sweeper } from './rollout/sweep.ts';
import { type Blame, noneAside, type Taken, takeTurn } from './rollout/take-turn.ts';
import type { Housekept } from './store/housekeeping.ts';

/** With its jitter at most 5 s: so long a turn waits whose alarm another version's worker has heard. */
const sweepMs = 4000;
const housekeepingMs = 3_600_000;

export type TurnTaker = {
  /** Runs the turn of one rollout at once, because a person said so; never throws. */
  take(id: string): Promise<void>;
  /** Runs the turn of one rollout when there is a slot for it; never throws. */
  takeInSlot(id: string): Promise<void>;
  /** Begins no more turns and waits for those that run. */
  close(): Promise<void>;
};

export type TurnTakerOptions = {
  deps: TurnDeps;
  /** Turns at a time, those of alarms and those of sweeps together. */
  most: number;
  log: Log;
  onTurn: (end: TurnEnd | 'failed') => void;
  jitter: () => number;
};

/**
 * Takes turns: those that an alarm or a person's word asks for, and every few seconds those whose alarm did not
 * ring. `jitter` (0..1) keeps the sweeps of several workers apart.
 */
export function startTurns({ deps, most, log, onTurn, jitter }: TurnTakerOptions): TurnTaker {
  const running = new Set<Promise<void>>();
  const taking = { blame, aside: noneAside() };
  const closing = new AbortController();
  const room = slots(most);
  const sweeps = sweeper(deps, { taking, slots: room, onTaken: tell, closing: closing.signal });

  async function take(id: string): Promise<void> {
    if (closing.signal.aborted || taking.aside.has(id)) return;
    const turn = takeTurn(deps, id, taking).then(
      (taken) => tell(id, taken),
      (error: unknown) => tell(id, { kind: 'failed', error, record: null }),
    );
    running.add(turn);
    await turn.finally(() => running.delete(turn));
  }

  async function takeInSlot(id: string): Promise<void> {
    const leave = await room.enter('alarm');
    await take(id).finally(leave);
  }

  function tell(id: string, taken: Taken): void {
    onTurn(taken.kind === 'ended' ? taken.end : 'failed');
    if (taken.kind === 'ended') return;
    const { error, record } = taken;
    const fields = { rolloutId: id, ...failureFields(error) };
    if (record !== null && record.events.length > 0)
      log.error(fields, 'a rollout is in quarantine: somebody must look at it');
    else if (!isKnown(record)) log.warn(fields, 'a turn stopped: it is tried again');
  }

  async function sweepOnce(): Promise<void> {
    try {
      await sweeps.sweep();
    } catch (error) {
      log.warn(failureFields(error), 'a sweep found no database');
    }
  }

  const stop = everySweep(jitter, () => {
    const asking = sweepOnce();
    running.add(asking);
    void asking.finally(() => running.delete(asking));
  });
  return {
    take,
    takeInSlot,
    close: async () => {
      closing.abort();
      stop();
      await Promise.allSettled([...running, sweeps.ended()]);
    },
  };
}

/** Answers how to stop it. */
function everySweep(jitter: () => number, sweep: () => void): () => void {
  let timer: NodeJS.Timeout;
  function plan(): void {
    timer = setTimeout(
      () => {
        plan();
        sweep();
      },
      sweepMs * (0.75 + jitter() / 2),
    );
  }
  plan();
  return () => clearTimeout(timer);
}

/** What is in quarantine was told of when it went there. */
function isKnown(record: Extract<Taken, { kind: 'failed' }>['record']): boolean {
  return record !== null && record.trouble.quarantinedAt !== null;
}

const nobodysFault = new Set(['databaseUnavailable', 'databaseTimeout', 'fenced']);

/** Names the error where it is the rollout's own; a code or a name, never a message. */
const blame: Blame = (error, id) => {
  if (error instanceof AppError && nobodysFault.has(error.code)) return null;
  if (error instanceof UnreadableRollout && error.row.id !== id) return null;
  const name = codeOf(error) ?? (error instanceof Error ? error.name : typeof error);
  return /^\w{1,60}$/.test(name) ? name : 'Error';
};

/** Something that runs by itself until it is closed. */
export type Chore = { close(): Promise<void> };

/** Keeps house at once and then every hour, and says what it dropped and what it could not do. Never throws. */
export function startHousekeeping(keep: () => Promise<Housekept>, log: Log): Chore {
  async function keepOnce(): Promise<void> {
    try {
      report(await keep());
    } catch (error) {
      log.warn(failureFields(error), 'housekeeping failed: it is tried again in an hour');
    }
  }

  function report(kept: Housekept): void {
    if (kept.kind === 'elsewhere') return;
    const { made, moved, dropped, postponed } = kept;
    if (made.length > 0) log.info({ partitions: made, rowsMoved: moved }, 'made room for months to come');
    if (dropped.length > 0) log.info({ partitions: dropped }, 'dropped what is older than the retention');
    if (postponed.length > 0)
      log.warn({ partitions: postponed }, 'partitions were in use: they are tried again in an hour');
  }

  let running = keepOnce();
  const timer = setInterval(() => {
    running = running.then(keepOnce);
  }, housekeepingMs);
  return {
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
