import type { z } from 'zod';
import type { JudgeAhead } from '../rollout/forecast-judge.ts';
import type { StepNeed } from '../rollout/forecast-needs.ts';
import type { LimitSight, StepSight } from '../rollout/forecast-sight.ts';
import { type Check, limitIn } from '../rollout/plan-parts.ts';
import type { JudgedStable, StepNeedOnWire, StepSightOnWire } from './sight-wire.ts';

/** What the sequential judge is going to see in a step. */
export function renderSight(
  checks: Record<string, Check>,
  sight: StepSight,
): z.output<typeof StepSightOnWire> {
  const { expectedRequests, leastErrorRate, leastSlowdown, hint } = sight;
  return {
    expectedRequests: expectedRequests && rounded(expectedRequests),
    leastErrorRate: leastErrorRate && digits(leastErrorRate),
    leastSlowdown: leastSlowdown && digits(leastSlowdown),
    checks: sight.checks.flatMap((seen) => renderLimit(seen, checks[seen.check])),
    hint,
  };
}

/** What the sequential judge is taken to go by; null where that is not known. */
export function renderJudge(judge: JudgeAhead | null): z.output<typeof JudgedStable> | null {
  if (judge?.kind !== 'known') return null;
  const { stableErrorRate, noise } = judge;
  return {
    stableErrorRate: digits(stableErrorRate),
    noiseFactor: digits(noise.factor),
    noiseFrom: noise.from,
  };
}

/** What a step needs to see each limit of a plan. */
export function renderNeed({ check, limit, rate, perSecond }: StepNeed): z.output<typeof StepNeedOnWire> {
  return {
    check,
    limit,
    rate: rate && digits(rate),
    stableRequestsPerSecond: perSecond && digits(perSecond),
  };
}

function renderLimit({ rate, requests, requestsAtRisk, ...seen }: LimitSight, check: Check | undefined) {
  if (check === undefined) return [];
  return {
    ...seen,
    limit: limitIn(check),
    rate: rate && digits(rate),
    requests: requests && Math.ceil(requests),
    requestsAtRisk: requestsAtRisk && Math.ceil(requestsAtRisk),
  };
}

/** Three that count: a forecast knows no more. */
function digits(value: number): number {
  return Number(value.toPrecision(3));
}

/** One decimal, as rates and counts of requests are shown. */
export function rounded(value: number): number {
  return Number(value.toFixed(1));
}
