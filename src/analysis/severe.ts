import type { Counts } from './reading.ts';

/** Above this ratio of 5xx responses a canary goes back without waiting for a window to fill. */
export const severeErrorRatio = 0.25;
/** Severe increments in a row that roll back. */
export const severeIncrements = 2;
/** Requests below which an increment is not judged but added to the next one. */
const enoughRequests = 20;

/** Requests counted towards the next increment, and how many severe ones came in a row. */
export type Tally = { canary: Counts; stable: Counts; inARow: number };
export type TallyResult = { tally: Tally; judged: Counts | null };

const nothing: Counts = { requests: 0, errors: 0 };

/**
 * Adds one stretch that overlaps no earlier one. When the canary has enough requests the increment is judged and a
 * new one begins; `judged` then holds the canary's counts. A stable that is as bad, with enough requests of its own,
 * clears the canary.
 */
export function tally(before: Tally, canary: Counts, stable: Counts | null): TallyResult {
  const sums = { canary: plus(before.canary, canary), stable: plus(before.stable, stable ?? nothing) };
  if (sums.canary.requests < enoughRequests) return { tally: { ...before, ...sums }, judged: null };
  const isOwnFault = isSevere(sums.canary) && !isSevere(sums.stable);
  return {
    tally: { canary: nothing, stable: nothing, inARow: isOwnFault ? before.inARow + 1 : 0 },
    judged: sums.canary,
  };
}

/** The tally before the first increment. */
export const emptyTally: Tally = { canary: nothing, stable: nothing, inARow: 0 };

function plus(left: Counts, right: Counts): Counts {
  return { requests: left.requests + right.requests, errors: left.errors + right.errors };
}

function isSevere({ requests, errors }: Counts): boolean {
  return requests >= enoughRequests && errors / requests > severeErrorRatio;
}
