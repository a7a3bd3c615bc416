import type { Check } from './check.ts';
import type { Finding } from './finding.ts';
import type { Snapshot } from './snapshot.ts';

/** All findings of these checks, in their order. A check that throws is unknown, and keeps no other from its answer. */
export function runChecks(checks: readonly Check[], snapshot: Snapshot): Finding[] {
  return checks.flatMap((check) => findingsOf(check, snapshot));
}

function findingsOf({ run, needs: _needs, ...facts }: Check, snapshot: Snapshot): Finding[] {
  try {
    return run(snapshot);
  } catch (error) {
    // Only its name: a message may hold what an object says.
    const name = error instanceof Error ? error.name : typeof error;
    const mend = 'report it as a fault of canaryd, with the id of the check and the version of canaryd';
    return [{ ...facts, result: 'unknown', read: `the check failed: ${name}`, mend }];
  }
}
