import { setTimeout as wait } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import { AppError } from '../errors.ts';
import type { Db } from './database.ts';
import { isTransient } from './faults.ts';
import type { Tables } from './tables.ts';

export type Trx = Transaction<Tables>;

/** What a transaction found; `keep: false` leaves nothing of it behind. */
export type Outcome<T> = { keep: boolean; value: T };

const attempts = 5;

/**
 * Runs `work` in one transaction and commits it unless it says otherwise. Deadlocks and serialization failures are
 * tried again, so `work` may run more than once.
 * @throws AppError `databaseTimeout` when the transaction lost against others five times
 */
export async function inTransaction<T>(db: Db, work: (trx: Trx) => Promise<Outcome<T>>): Promise<T> {
  let last: unknown = null;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      return await once(db, work);
    } catch (cause) {
      if (!isTransient(cause)) throw cause;
      last = cause;
      await wait(Math.random() * 10 * 2 ** attempt);
    }
  }
  throw new AppError('databaseTimeout', `a transaction lost against others ${attempts} times`, {
    cause: last,
  });
}

async function once<T>(db: Db, work: (trx: Trx) => Promise<Outcome<T>>): Promise<T> {
  const undone: { outcome: Outcome<T> | null } = { outcome: null };
  try {
    const { value } = await db.transaction().execute(async (trx) => {
      const outcome = await work(trx);
      if (outcome.keep) return outcome;
      undone.outcome = outcome;
      throw new Error('undone on purpose');
    });
    return value;
  } catch (cause) {
    if (undone.outcome === null) throw cause;
    return undone.outcome.value;
  }
}
