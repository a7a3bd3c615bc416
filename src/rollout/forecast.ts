import { type Reading, withSoundNumbers } from '../analysis/reading.ts';
import { type BucketAdvice, bucketAdvice } from './bucket-advice.ts';
import { type CheckForecast, expectedIn, forecastCheck, type Rate, verdictIfLike } from './forecast-check.ts';
import { type JudgeAhead, judgeAhead } from './forecast-judge.ts';
import { requestsToSeeOutage, type StepSight, sightIn } from './forecast-sight.ts';
import { isSequential } from './judging.ts';
import type { Plan } from './plan.ts';
import { bakeOf, type Check, enforcedIn, limitIn, longestWindowSeconds, meshChecksIn } from './plan-parts.ts';
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
  /** One for each check where the threshold judge watches the canary; else none. */
  checks: CheckForecast[];
  /** What the sequential judge sees where it watches the canary; else null. */
  sight: StepSight | null;
  /** Null while the canary has no traffic, and when nothing is going to turn it back. */
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
  /** The sequential judge as it would begin now; null for a plan that has another judge, or asks nothing. */
  judge: JudgeAhead | null;
};

/** What a plan is going to come to for this service, if traffic stays what it is now. Every number is finite. */
export function forecast(prospect: Prospect): Forecast {
  const { plan, beginsAt, survey } = prospect;
  const rate = rateOf(prospect);
  const timeline = timelineOf(plan);
  const at = (seconds: number) => beginsAt + seconds * 1000;
  const judge = isSequential(prospect) ? judgeAhead(plan, survey) : null;
  const steps = timeline.steps.map((step) => ({
    ...step,
    at: at(step.startsInSeconds),
    checks: judge === null ? checksIn(prospect, rate, step) : [],
    sight: judge === null ? null : sightAt(prospect, judge, rate, step),
    exposure:
      judge === null
        ? exposureAt(prospect, rate, step.share)
        : exposureBeside(prospect, judge, rate, step.share),
  }));
  const outlooks = Object.entries(plan.checks).map(
    ([id, check]) => [id, outlookOf(id, check, survey)] as const,
  );
  const { seconds } = timeline;
  return { steps, seconds, endsAt: at(seconds), rate, checks: Object.fromEntries(outlooks), judge };
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
  return Object.entries(meshChecksIn(enforcedIn(plan.checks))).map(([id, check]) =>
    forecastCheck(id, check, rate, { share, bakeSeconds }),
  );
}

function sightAt({ plan }: Prospect, judge: JudgeAhead, rate: Rate, planned: PlannedStep): StepSight | null {
  const { share, startsInSeconds } = planned;
  const bakeSeconds = bakeOf(plan.steps[planned.step]);
  if (bakeSeconds === null || share === 0) return null;
  return sightIn({ ...plan, checks: meshChecksIn(enforcedIn(plan.checks)) }, judge, rate, {
    share,
    bakeSeconds,
    startsInSeconds,
  });
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
  const exposures = Object.values(meshChecksIn(enforcedIn(plan.checks))).flatMap(
    ({ failures, minRequests, window }) => {
      if (perSecond === 0 || expectedIn(rate.perSecond, share, window) < minRequests) return [];
      const watched = failures * plan.interval + scrapeSeconds;
      const seconds = minRequests / perSecond + watched;
      return [{ seconds, requests: Math.min(minRequests + perSecond * watched, Number.MAX_VALUE) }];
    },
  );
  return exposures.sort((one, other) => one.seconds - other.seconds)[0] ?? null;
}

/** Requests below which the sequential judge holds nothing against a canary, and looks that it takes. */
const [someTraffic, someLooks] = [5, 2];

/**
 * What a canary that fails each request gets before the sequential judge turns it back: the requests that are evidence
 * enough, two polls, since one scrape alone is none, and the scrape that shows the last of them.
 */
function exposureBeside(
  { plan, scrapeSeconds }: Prospect,
  judge: JudgeAhead,
  rate: Rate,
  share: Share,
): Exposure | null {
  if (judge.kind === 'unknown' || rate.kind === 'unknown' || share === 0) return null;
  const perSecond = expectedIn(rate.perSecond, share, 1);
  const needed = requestsToSeeOutage(judge, share);
  if (needed === null || perSecond === 0) return null;
  const watched = someLooks * plan.interval + scrapeSeconds;
  const requests = Math.max(someTraffic, needed) + perSecond * watched;
  const finite = (value: number) => Math.min(value, Number.MAX_VALUE);
  return { seconds: finite(requests / perSecond), requests: finite(requests) };
}

function outlookOf(id: string, check: Check, survey: Prospect['survey']): CheckOutlook {
  if (survey.kind === 'none') return { stable: null, verdictIfLikeStable: null, bucket: null };
  const { measurements, checks } = survey.survey;
  const stable = withSoundNumbers(measurements).checks[id]?.stable ?? null;
  const bounds = check.metric === 'p99LatencyMs' ? (checks[id]?.boundsMs ?? []) : [];
  return {
    stable,
    verdictIfLikeStable: verdictIfLike(stable, check),
    bucket: bucketAdvice(limitIn(check), bounds),
  };
}
