import type { DatabaseFacts } from '../store/inspect-database.ts';
import { aheadMs, checkClock } from './clocks.ts';
import { type Check, fail, ok, warn } from './report.ts';

/** The oldest PostgreSQL that canaryd is tested with. */
const oldest = 150_000;
const expected = { statement: '3s', lock: '1s', idle: '3s' };

/** Judges what the database says of itself. */
export function checkDatabase(facts: DatabaseFacts): Check[] {
  return [
    checkVersion(facts),
    checkTables(facts),
    checkLimits(facts),
    checkRole(facts),
    checkOwnClock(facts),
  ];
}

/** The only check there is when the database does not answer. */
export function databaseFailed(why: string): Check {
  return fail('postgresql', `cannot be asked: ${why}. Check DATABASE_URL, or databaseUrl in the file.`);
}

function checkVersion({ version, versionNumber }: DatabaseFacts): Check {
  if (versionNumber >= oldest) return ok('postgresql', `version ${version} answers.`);
  return fail('postgresql', `version ${version} is too old: install PostgreSQL 15 or newer.`);
}

function checkTables({ applied, newest, mayCreate, role }: DatabaseFacts): Check {
  const what = 'postgresql tables';
  if (applied === newest) return ok(what, `up to date (migration ${applied}).`);
  if (applied > newest) {
    const says = `made by a newer canaryd (migration ${applied}, this one knows ${newest}): install that one here, too.`;
    return warn(what, says);
  }
  const pending = applied === 0 ? 'not made yet' : `${newest - applied} migration(s) behind`;
  if (mayCreate) return warn(what, `${pending}: the next start of canaryd mends that by itself.`);
  const says = `${pending}, and the role ${role} may not make tables: grant CREATE on the database and on its schema.`;
  return fail(what, says);
}

/** A pooler between canaryd and PostgreSQL may drop what a connection asks for. */
function checkLimits({ limits }: DatabaseFacts): Check {
  const what = 'postgresql limits';
  const { statement, lock, idle } = limits;
  const asExpected = statement === expected.statement && lock === expected.lock && idle === expected.idle;
  if (asExpected) return ok(what, 'the server ends statements after 3 s, locks after 1 s.');
  const says = `the server does not take the limits of a connection (statement ${statement}, lock ${lock}, idle ${idle}): connect without a pooler, or let it pass them on.`;
  return fail(what, says);
}

function checkRole({ role, isSuperuser }: DatabaseFacts): Check {
  const what = 'postgresql role';
  if (!isSuperuser) return ok(what, `${role} is no superuser.`);
  const says = `${role} is a superuser, which canaryd does not need, and could change the audit log: make it a role and a database of its own.`;
  return warn(what, says);
}

function checkOwnClock(facts: DatabaseFacts): Check {
  const apart = {
    what: 'postgresql clock',
    byMs: aheadMs(facts),
    than: "this machine's",
    effect: 'alarms ring early or late, and such turns wait for a sweep of up to 7 s',
  };
  return checkClock(apart, { warnMs: 2000, failMs: Number.POSITIVE_INFINITY });
}
