import { assumedRate, testableLimit } from '../analysis/sequential/count-evidence.ts';
import {
  type Brought,
  leastRateSeen,
  leastSlowdownSeen,
  type PlannedTest,
  requestsToSee,
  stablePerCanary,
  warmSecondsOf,
} from '../analysis/sequential/sight.ts';
import { expectedIn, longestSeconds, type Rate } from './forecast-check.ts';
import type { JudgeAhead, KnownJudge } from './forecast-judge.ts';
import * as words from './forecast-sight-words.ts';
import type { Plan } from './plan.ts';
import type { MeshCheck } from './plan-parts.ts';
import type { Share } from './units.ts';

/** What a canary that breaks one limit of the plan comes to in one step. */
export type LimitSight = {
  check: string;
  /**
   * The ratio (0..1) of bad requests that the canary is taken to have, failed ones or slower ones than the limit: what
   * the limit allows, where that can be told from stable, else twice as many. Null where none is ever found.
   */
  rate: number | null;
  /** Of the canary, until it is found; null where it never is. */
  requests: number | null;
  /** How long that takes in this step; null where no bake is long enough. */
  bakeSeconds: number | null;
  /** Bad requests until it is found and turned back. */
  requestsAtRisk: number | null;
  risk: 'none' | 'unseen' | 'unknown';
  /** In words and numbers, without the full stop. */
  hint: string;
};

/** What the sequential judge is likely to see by the end of one step, from this step's requests alone. */
export type StepSight = {
  /** Of the canary, in the whole bake; null when stable's rate is not known. */
  expectedRequests: number | null;
  /** The least ratio (0..1) of failed requests that it sees, and how many times as long requests must take. */
  leastErrorRate: number | null;
  leastSlowdown: number | null;
  checks: LimitSight[];
  hint: string;
};

/** A step in which the canary is watched: its share in percent, how long, and when it begins at the earliest. */
type Watched = { share: Share; bakeSeconds: number; startsInSeconds: number };

/** What a step sees, how long it would have to bake to see what the limits say, and the requests at risk. All finite. */
export function sightIn(
  plan: { checks: Record<string, MeshCheck> } & Pick<Plan, 'interval'>,
  ahead: JudgeAhead,
  rate: Rate,
  watched: Watched,
): StepSight {
  if (ahead.kind === 'unknown') return blind(plan, ahead.why);
  if (rate.kind === 'unknown') return blind(plan, rate.why);
  const { share, bakeSeconds } = watched;
  const requests = expectedIn(rate.perSecond, share, bakeSeconds);
  const warmSeconds = warmSecondsOf(watched, ahead.settings);
  const warmRequests = expectedIn(rate.perSecond, share, warmSeconds);
  const brought: Brought = { requests, warmRequests, stablePerCanary: stablePerCanary(share) };
  const { tests, histogram } = ahead;
  const seen = {
    expectedRequests: requests,
    leastErrorRate: leastRateSeen(brought, tests.filter(isOfErrors)),
    leastSlowdown: histogram === null ? null : leastSlowdownSeen(brought, tests, histogram),
  };
  const scene = { ...watched, perSecond: rate.perSecond, interval: plan.interval };
  const checks = Object.entries(plan.checks).map(([id, check]) => limitSight(id, check, ahead, scene));
  return { ...seen, checks, hint: words.seen(seen, scene, histogram !== null) };
}

/** Requests of a canary that fails each of them, until the judge turns it back; null where it never does. */
export function requestsToSeeOutage({ tests }: KnownJudge, share: Share): number | null {
  return requestsToSee(1, tests.filter(isOfErrors), stablePerCanary(share));
}

/** The rate (0..1) of bad requests that a limit is about, and stable's requests per second from which on a step sees it. */
export function rateToSee(
  check: MeshCheck,
  { tests }: KnownJudge,
  { share, bakeSeconds }: Omit<Watched, 'startsInSeconds'>,
): { rate: number | null; perSecond: number | null } {
  const { rate, requests } = lookedFor(check, testsOf(check, tests), share);
  return { rate, perSecond: requests === null ? null : requests / expectedIn(1, share, bakeSeconds) };
}

function blind({ checks }: Pick<Plan, 'checks'>, why: string): StepSight {
  const nothing = { expectedRequests: null, leastErrorRate: null, leastSlowdown: null };
  const hint = words.unknown(why);
  return {
    ...nothing,
    checks: Object.keys(checks).map((check) => unknownLimit(check, hint)),
    hint,
  };
}

function unknownLimit(check: string, hint: string): LimitSight {
  const nothing = { rate: null, requests: null, bakeSeconds: null, requestsAtRisk: null };
  return { check, ...nothing, risk: 'unknown', hint };
}

type Scene = Watched & { perSecond: number; interval: number };

function limitSight(id: string, check: MeshCheck, { tests }: KnownJudge, scene: Scene): LimitSight {
  const ofCheck = testsOf(check, tests);
  if (ofCheck.every(({ limit }) => limit === null)) return unknownLimit(id, words.noHistogram(check));
  const { rate, requests } = lookedFor(check, ofCheck, scene.share);
  if (rate === null || requests === null) {
    const hint = words.never(check, ofCheck[0]?.stableRate ?? 0);
    return { ...unknownLimit(id, hint), risk: 'unseen' };
  }
  const bakeSeconds = bakeFor(requests, scene);
  const isSeen = bakeSeconds !== null && bakeSeconds <= scene.bakeSeconds;
  const canaryPerSecond = expectedIn(scene.perSecond, scene.share, 1);
  // It is found by a look at the earliest, and a turn later the weights are back.
  const untilBack = requests + twoPolls * scene.interval * canaryPerSecond;
  const found = { rate, requests, bakeSeconds };
  const requestsAtRisk = Math.min(rate * untilBack, Number.MAX_VALUE);
  const weight = isSeen ? null : weightFor(rate, ofCheck, scene);
  return {
    check: id,
    ...found,
    requestsAtRisk,
    risk: isSeen ? 'none' : 'unseen',
    hint: isSeen
      ? words.found(check, { ...found, requestsAtRisk }, scene)
      : words.unseen(check, { ...found, weight }, scene),
  };
}

const twoPolls = 2;

/** What a check asks of, beside stable or beside its limit. */
function testsOf({ metric, max }: MeshCheck, tests: readonly PlannedTest[]): PlannedTest[] {
  const wanted = metric === 'errorRate' ? null : max;
  return tests.filter(({ slowerThanMs }) => slowerThanMs === wanted);
}

function isOfErrors({ slowerThanMs }: PlannedTest): boolean {
  return slowerThanMs === null;
}

/** A canary at the limit is no breach of it: where stable does not show it either, one with twice as many bad ones is. */
function lookedFor(
  check: MeshCheck,
  tests: readonly PlannedTest[],
  share: Share,
): Pick<LimitSight, 'rate' | 'requests'> {
  const allowed = testableLimit(words.allowedRate(check));
  for (const rate of [allowed, assumedRate(allowed, 2)]) {
    const requests = requestsToSee(rate, tests, stablePerCanary(share));
    if (requests !== null) return { rate, requests };
  }
  return { rate: null, requests: null };
}

/** Whole seconds, and two polls at least, for one scrape alone never turns a canary back; null when no plan may bake so long. */
function bakeFor(requests: number, { perSecond, share, interval }: Scene): number | null {
  const seconds = Math.max(twoPolls * interval, Math.ceil(requests / expectedIn(perSecond, share, 1)));
  return seconds <= longestSeconds ? seconds : null;
}

/** The lowest whole weight at which the bake is long enough; null when none is. */
function weightFor(rate: number, tests: readonly PlannedTest[], scene: Scene): Share | null {
  for (let weight = Math.floor(scene.share) + 1; weight < 100; weight++) {
    const requests = requestsToSee(rate, tests, stablePerCanary(weight));
    const seconds = requests === null ? null : bakeFor(requests, { ...scene, share: weight });
    if (seconds !== null && seconds <= scene.bakeSeconds) return weight;
  }
  return null;
}
