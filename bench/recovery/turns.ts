import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';

const Row = z.tuple([z.object({ epoch: z.coerce.number() })]);

const stepMs = 20;
/** Longer than a turn, shorter than the rest until the next one. */
const turnMs = 400;

/** The turns of one rollout, seen in the database: each claim raises its epoch. */
export type Turns = {
  /** Waits until a turn was taken and has set its alarm. */
  betweenTwo(): Promise<void>;
  /** Milliseconds from `sinceMs` until a turn is claimed that was not seen yet. */
  next(sinceMs: number): Promise<number>;
  /** The rest between turns for as long as `isOver` says no: the longest one in ms. */
  longestRest(isOver: () => boolean): Promise<number>;
  close(): Promise<void>;
};

/** Follows a rollout through a database that may go away meanwhile. */
export function turnsOf(databaseUrl: string, id: string): Turns {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 1,
    connectionTimeoutMillis: 500,
    query_timeout: 2000,
  });
  pool.on('error', () => undefined);
  let last = 0;

  async function epoch(): Promise<number> {
    const read = await pool.query('select epoch from rollout where id = $1', [id]).catch(() => null);
    if (read !== null) last = Row.parse(read.rows)[0].epoch;
    return last;
  }

  async function next(sinceMs: number): Promise<number> {
    const give = Date.now() + patienceMs;
    const before = last;
    while (Date.now() < give) {
      if ((await epoch()) > before) return Date.now() - sinceMs;
      await wait(stepMs);
    }
    throw new Error(`no turn within ${patienceMs / 1000} s`);
  }

  return {
    betweenTwo: async () => {
      await epoch();
      await next(Date.now());
      await wait(turnMs);
    },
    next,
    longestRest: async (isOver) => {
      let longest = 0;
      while (!isOver()) longest = Math.max(longest, await next(Date.now()));
      return longest;
    },
    close: () => pool.end(),
  };
}

const patienceMs = 120_000;
