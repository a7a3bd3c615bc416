import { judgeBesideTheBest } from './forecast-judge.ts';
import { rateToSee } from './forecast-sight.ts';
import { isSequential } from './judging.ts';
import type { Plan } from './plan.ts';
import { bakeOf, enforcedIn, meshChecksIn } from './plan-parts.ts';
import type { Share } from './units.ts';

/** What a step of a plan needs to see a limit, whatever service it is for. */
export type StepNeed = {
  check: string;
  limit: number;
  /** The ratio (0..1) of bad requests that a canary is taken to have: see `LimitSight`. */
  rate: number | null;
  /** Of stable, at least: as many as it takes beside a stable without a bad request. Null where none are enough. */
  perSecond: number | null;
};

/** One for each limit of a step in which the sequential judge watches the canary; else none. */
export function needsIn(plan: Plan, { step, share }: { step: number; share: Share }): StepNeed[] {
  const bakeSeconds = bakeOf(plan.steps[step]);
  if (!isSequential({ plan }) || bakeSeconds === null || share === 0) return [];
  const judge = judgeBesideTheBest(plan);
  return Object.entries(meshChecksIn(enforcedIn(plan.checks))).map(([id, check]) => ({
    check: id,
    limit: check.max,
    ...rateToSee(check, judge, { share, bakeSeconds }),
  }));
}
