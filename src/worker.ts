import { failureFields, type Log } from './log.ts';
import { advance, type TurnDeps, type TurnEnd } from './rollout/advance.ts';
import { sweep } from './rollout/sweep.ts';
import type { Housekept } from './store/housekeeping.ts';

const sweepMs = 5000;
const housekeepingMs = 3_600_000;

export type TurnTaker = {
  /** Runs the turn of one rollout; never throws. */
  take(id: string): Promise<void>;
  /** Ends the sweep and waits for the turns that run. */
  close(): Promise<void>;
};

export type TurnTakerOptions = {
  deps: TurnDeps;
  log: Log;
  onTurn: (end: TurnEnd | 'failed') => void;
  jitter: () => number;
};

/**
 * Takes turns: those that an alarm or a person's word asks for, and every few seconds those whose alarm did not
 * ring. `jitter` (0..1) keeps the sweeps of several workers apart.
 */
export function startTurns({ deps, log, onTurn, jitter }: TurnTakerOptions): TurnTaker {
  const running = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  async function take(id: string): Promise<void> {
    if (closed) return;
    const turn = advance(deps, id).then(onTurn, (error: unknown) => failed(id, error));
    running.add(turn);
    await turn.finally(() => running.delete(turn));
  }

  function failed(id: string, error: unknown): void {
    onTurn('failed');
    log.warn({ rolloutId: id, ...failureFields(error) }, 'a turn stopped: the sweep repeats it');
  }

  async function sweepOnce(): Promise<void> {
    try {
      const swept = await sweep(deps);
      for (const { id, error } of swept.failures) failed(id, error);
    } catch (error) {
      log.warn(failureFields(error), 'a sweep found no database');
    }
    if (!closed) plan();
  }

  function plan(): void {
    timer = setTimeout(
      () => {
        const turn = sweepOnce();
        running.add(turn);
        void turn.finally(() => running.delete(turn));
      },
      sweepMs * (0.75 + jitter() / 2),
    );
  }

  plan();
  return {
    take,
    close: async () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await Promise.allSettled(running);
    },
  };
}

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
