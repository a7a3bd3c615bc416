import { z } from 'zod';
import type { Counts } from './count-evidence.ts';

/** Bad and all requests of both arms in some looks. */
export const Sums = z.strictObject({
  canaryBad: z.number(),
  canaryRequests: z.number(),
  stableBad: z.number(),
  stableRequests: z.number(),
});
export type Sums = z.infer<typeof Sums>;

/** The same, and `excess`: bad ones of the canary that stable's rate did not make, signed. */
export const Totals = Sums.extend({ excess: z.number() });
export type Totals = z.infer<typeof Totals>;

export const noSums: Sums = { canaryBad: 0, canaryRequests: 0, stableBad: 0, stableRequests: 0 };
export const nothingCounted: Totals = { ...noSums, excess: 0 };

/** Totals after a look. Without requests of stable, its usual rate says what it would have done. */
export function added(before: Totals, counts: Counts, usualRate: number): Totals {
  const stableRate = counts.stableRequests > 0 ? counts.stableBad / counts.stableRequests : usualRate;
  return {
    canaryBad: before.canaryBad + counts.canaryBad,
    canaryRequests: before.canaryRequests + counts.canaryRequests,
    stableBad: before.stableBad + counts.stableBad,
    stableRequests: before.stableRequests + counts.stableRequests,
    excess: before.excess + counts.canaryBad - counts.canaryRequests * stableRate,
  };
}

/** Sums after a look, or of two stretches together. */
export function summed(before: Sums, counts: Counts): Sums {
  return {
    canaryBad: before.canaryBad + counts.canaryBad,
    canaryRequests: before.canaryRequests + counts.canaryRequests,
    stableBad: before.stableBad + counts.stableBad,
    stableRequests: before.stableRequests + counts.stableRequests,
  };
}
