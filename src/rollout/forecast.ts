import { type Reading, withSoundNumbers } from '../analysis/reading.ts';
import { type BucketAdvice, bucketAdvice } from './bucket-advice.ts';
import { type CheckForecast, expectedIn, forecastCheck, type Rate, verdictIfLike } from './forecast-check.ts';
import type { Plan } from './plan.ts';
import { type Check, longestWindowSeconds, type Step } from './plan-parts.ts';
import type { MetricsSurvey } from './ports/metrics.ts';
import { type PlannedStep, timelineOf } from './timeline.ts';
import type { Millis, Share } from './units.ts';

/** What is known before a rollout starts. */
export type Prospect = {
  plan: Plan;
  /** When it begins, as far as anybody knows. */
  beginsAt: Millis;
  scrapeSeconds: number;
  /** What metrics show now, or why they show nothing. */
  survey: { kind: 'survey'; survey: MetricsSurvey } | { kind: 'none'; why: string };
};

/** What the canary gets before its checks can have turned it back. */
type Exposure = { seconds: number; requests: number };

export type StepForecast = PlannedStep & {
  /** The earliest time at which it begins. */
  at: Millis;
  /** One for each check where the step watches the canary; else none. */
  checks: CheckForecast[];
  /** Null while the canary has no traffic, and when no check is going to have enough requests to judge it. */
  exposure: Exposure | null;
};

/** What is known of a check whatever the share. */
type CheckOutlook = {
  /** Stable now, over the window of the check; null when metrics were not read. */
  stable: Reading | null;
  verdictIfLikeStable: 'pass' | 'fail' | null;
  /** Where the limit lies in stable's histogram, when it is none of its bounds. */
  bucket: BucketAdvice | null;
};

export type Forecast = {
  steps: StepForecast[];
  /** How long all steps take at least. */
  seconds: number;
  /** The earliest time at which it ends, if nothing holds it. */
  endsAt: Millis;
  rate: Rate;
  checks: Record<string, CheckOutlook>;
};

/** What a plan is going to come to for this service, if traffic stays what it is now. Every number is finite. */
export function forecast(prospect: Prospect): Forecast {
  const { plan, beginsAt, survey } = prospect;
  const rate = rateOf(prospect);
  const timeline = timelineOf(plan);
  const at = (seconds: number) => beginsAt + seconds * 1000;
  const steps = timeline.steps.map((step) => ({
    ...step,
    at: at(step.startsInSeconds),
    checks: checksIn(prospect, rate, step),
    exposure: exposureAt(prospect, rate, step.share),
  }));
  const outlooks = Object.entries(plan.checks).map(
    ([id, check]) => [id, outlookOf(id, check, survey)] as const,
  );
  const { seconds } = timeline;
  return { steps, seconds, endsAt: at(seconds), rate, checks: Object.fromEntries(outlooks) };
}

/** Stable's requests in the longest window, for each second of it. */
export function rateOf({ plan, survey }: Pick<Prospect, 'survey'> & { plan: Pick<Plan, 'checks'> }): Rate {
  if (survey.kind === 'none') return { kind: 'unknown', why: survey.why };
  const { stable } = withSoundNumbers(survey.survey.measurements).requests;
  if (stable.kind === 'unavailable') return { kind: 'unknown', why: stable.why };
  const requests = stable.kind === 'none' ? 0 : stable.requests;
  return { kind: 'known', perSecond: requests / longestWindowSeconds(plan.checks) };
}

function checksIn({ plan }: Prospect, rate: Rate, { step, share }: PlannedStep): CheckForecast[] {
  const bakeSeconds = bakeOf(plan.steps[step]);
  if (bakeSeconds === null || share === 0) return [];
  return Object.entries(plan.checks).map(([id, check]) =>
    forecastCheck(id, check, rate, { share, bakeSeconds }),
  );
}

function bakeOf(step: Step | undefined): number | null {
  if (step?.type === 'bake') return step.duration;
  return step?.type === 'promote' ? (step.bake ?? null) : null;
}

/**
 * What a canary that fails from its first request on at this share gets before the first check can turn it back. A
 * check says nothing before `minRequests` have come. The last of them is seen one scrape later, the next poll may be
 * a whole interval away, and `failures` polls have to fail: scrape + failures x interval seconds at rate x share. An
 * outright failure goes back earlier (two severe increments), a slight one later, when it has filled a window.
 */
function exposureAt({ plan, scrapeSeconds }: Prospect, rate: Rate, share: Share): Exposure | null {
  if (rate.kind === 'unknown' || share === 0) return null;
  const perSecond = expectedIn(rate.perSecond, share, 1);
  const exposures = Object.values(plan.checks).flatMap(({ failures, minRequests, window }) => {
    if (perSecond === 0 || expectedIn(rate.perSecond, share, window) < minRequests) return [];
    const watched = failures * plan.interval + scrapeSeconds;
    const seconds = minRequests / perSecond + watched;
    return [{ seconds, requests: Math.min(minRequests + perSecond * watched, Number.MAX_VALUE) }];
  });
  return exposures.sort((one, other) => one.seconds - other.seconds)[0] ?? null;
}

function outlookOf(id: string, check: Check, survey: Prospect['survey']): CheckOutlook {
  if (survey.kind === 'none') return { stable: null, verdictIfLikeStable: null, bucket: null };
  const { measurements, checks } = survey.survey;
  const stable = withSoundNumbers(measurements).checks[id]?.stable ?? null;
  const bounds = check.metric === 'p99LatencyMs' ? (checks[id]?.boundsMs ?? []) : [];
  return {
    stable,
    verdictIfLikeStable: verdictIfLike(stable, check),
    bucket: bucketAdvice(check.max, bounds),
  };
}
