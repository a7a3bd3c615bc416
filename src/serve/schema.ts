import { setTimeout as wait } from 'node:timers/promises';
import { AppError, codeOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { databaseFault, signInRefusal } from '../store/faults.ts';

/** The tables that canaryd works with, once they are there. */
export type Schema = {
  /** Why they cannot be used yet, without a secret; null once they can. */
  missing(): string | null;
  /** True once they can be used, false when the process ends before. Rejects with what waiting would not mend. */
  ready: Promise<boolean>;
};

export type SchemaDeps = {
  /** Brings the tables up to date; throws AppError `migration` with the cause. */
  prepare: () => Promise<void>;
  /** Asks the database anything; throws when it does not answer. */
  ask: () => Promise<unknown>;
  /** Which database it is, in words that hold no secret. */
  database: string;
  ending: AbortSignal;
  log: Pick<Log, 'warn'>;
  /** Waits so many milliseconds. */
  rest?: (ms: number) => Promise<unknown>;
};

const firstRestMs = 250;
const longestRestMs = 5000;

/**
 * Brings the tables up to date and tries again for as long as the database does not answer: a process that ended
 * instead would be no sooner ready and would look broken. What waiting does not mend is thrown.
 */
export function openSchema(deps: SchemaDeps): Schema {
  const { ending, log, rest = (ms) => wait(ms, undefined, { signal: ending }) } = deps;
  let missing: string | null = 'its tables are being brought up to date';

  function tell(why: string): void {
    if (missing !== why) log.warn({ failure: why }, 'waiting for the database');
    missing = why;
  }

  async function insist(): Promise<boolean> {
    let doubts = 0;
    for (let failures = 0; !ending.aborted; failures += 1) {
      const outage = await outageIn(deps, { isFirst: failures === 0, mayBeChance: doubts < mostDoubts });
      if (outage === null) {
        missing = null;
        // Whoever was told to end meanwhile begins no work.
        return !ending.aborted;
      }
      if (outage === unclear) doubts += 1;
      tell(outage.message);
      await rest(Math.min(longestRestMs, firstRestMs * 2 ** failures)).catch(() => undefined);
    }
    return false;
  }

  return { missing: () => missing, ready: insist() };
}

/** A connection may be lost by chance; a migration that fails in the same way again and again is at fault itself. */
const mostDoubts = 2;
const unclear = new AppError('databaseUnavailable', 'the database did not answer in time, but it does now');

type Try = { isFirst: boolean; mayBeChance: boolean };

/**
 * Tries once. Null is success; what is no outage is thrown, and without `mayBeChance` what may be none. Somebody who
 * brings a database back may well have it refuse sign-ins for a while: only a first try is ended by that.
 */
async function outageIn(
  { prepare, ask, database }: SchemaDeps,
  { isFirst, mayBeChance }: Try,
): Promise<AppError | null> {
  try {
    await prepare();
    return null;
  } catch (failure) {
    const refused = refusedBy(database, failure);
    if (refused !== null && isFirst) throw refused;
    const outage = refused ?? (await outageOf(failure, ask));
    if (outage === null || (outage === unclear && !mayBeChance)) throw failure;
    return outage;
  }
}

/** Nobody mends a password by waiting: whoever starts canaryd hears of it at once. */
function refusedBy(database: string, cause: unknown): AppError | null {
  const refusal = cause instanceof AppError ? signInRefusal(cause.cause) : null;
  if (refusal === null) return null;
  const mend = 'correct DATABASE_URL, or databaseUrl or databaseUrlFile in the configuration file';
  return new AppError('configuration', `PostgreSQL lets nobody in: ${refusal}: ${database}; ${mend}`, {
    cause,
  });
}

async function outageOf(failure: unknown, ask: () => Promise<unknown>): Promise<AppError | null> {
  if (!(failure instanceof AppError) || failure.code !== 'migration') return null;
  const fault = databaseFault(failure.cause);
  if (!(fault instanceof AppError)) return null;
  if (codeOf(failure.cause) !== null) return fault;
  // Without a code it may be a lost connection or a migration that was edited: the database itself can tell.
  return ask().then(
    () => unclear,
    (cause: unknown) => (cause instanceof AppError ? cause : fault),
  );
}
