import pg from 'pg';
import { AppError, codeOf } from '../errors.ts';

const lockTimeout = '55P03';
const statementTimeout = '57014';
const idleInTransaction = '25P03';
const timeouts = new Set([lockTimeout, statementTimeout, idleInTransaction]);

const serializationFailure = '40001';
const deadlock = '40P01';
const diskFull = '53100';
const uniqueViolation = '23505';
const noCode = 'no answer';

/** Classes in which the server cannot serve anybody now: connection, resources, operator, wrong password, no database. */
const unavailableClasses = new Set(['08', '28', '3D', '53', '57', '58']);

/**
 * Sorts what a query or a connection attempt threw. A fault of the data itself is returned as it is.
 * Codes: PostgreSQL manual, appendix A. Messages name the code only: others may hold hosts and users.
 */
export function databaseFault(cause: unknown): unknown {
  if (cause instanceof AppError) return cause;
  // Only the server sends a DatabaseError; all else means that it was not reached or did not answer.
  if (!(cause instanceof pg.DatabaseError)) {
    return new AppError(
      'databaseUnavailable',
      `the database cannot be reached (${codeOf(cause) ?? noCode})`,
      {
        cause,
      },
    );
  }
  const code = codeOf(cause) ?? noCode;
  if (timeouts.has(code)) {
    return new AppError('databaseTimeout', `the database took too long (${code})`, { cause });
  }
  if (unavailableClasses.has(code.slice(0, 2))) {
    const what = code === diskFull ? 'has no room left' : 'is not available';
    return new AppError('databaseUnavailable', `the database ${what} (${code})`, { cause });
  }
  return cause;
}

/** Why PostgreSQL lets nobody in with these credentials, by code; waiting mends none of it. */
export const signInRefusals: Record<string, string> = {
  '28P01': 'the password is wrong',
  '28000': 'the role may not sign in from here',
  '3D000': 'there is no such database',
};

/** Why the server refused to let anybody in, with its code; null for any other fault. */
export function signInRefusal(cause: unknown): string | null {
  if (!(cause instanceof pg.DatabaseError)) return null;
  const code = codeOf(cause) ?? noCode;
  const why = signInRefusals[code];
  return why === undefined ? null : `${why} (${code})`;
}

/** True when the same transaction may succeed when it is run again. */
export function isTransient(cause: unknown): boolean {
  const code = codeOf(cause);
  return cause instanceof pg.DatabaseError && (code === serializationFailure || code === deadlock);
}

/** True when another live rollout holds one of the VirtualServices: each is held once. */
export function isTakenLive(cause: unknown): boolean {
  if (!(cause instanceof pg.DatabaseError) || cause.code !== uniqueViolation) return false;
  return cause.constraint === 'rollout_object_held' || cause.constraint === 'rollout_live';
}
