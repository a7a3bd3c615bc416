import { measured, metricNames } from './because.ts';
import type { Forecast, Prospect } from './forecast.ts';
import { environmentLimitMs } from './guard.ts';
import { type GitOps, healingAhead } from './mover.ts';
import { enforcedIn, limitIn, meshChecksIn } from './plan-parts.ts';
import type { StartObstacle } from './readiness-words.ts';
import * as say from './say.ts';

/** What about the mesh makes a forecast worth less. */
type Doubts = { stableHasOtherRoutes: boolean; gitOps?: GitOps | null };

/** What somebody ought to know before the start, as sentences; the worst first. */
export function warningsOf(
  prospect: Prospect,
  expected: Forecast,
  { stableHasOtherRoutes, gitOps = null }: Doubts,
): string[] {
  return [
    ...metricsMissing(expected),
    ...stableFails(prospect, expected),
    ...tooFewRequests(expected),
    ...unseenLimits(expected),
    ...coarseBuckets(prospect, expected),
    ...(gitOps === null ? [] : [healingAhead(gitOps)]),
    ...(stableHasOtherRoutes ? [otherRoutes] : []),
    ...waitsForPeople(prospect),
  ].map(say.sentence);
}

const otherRoutes =
  'other routes bring stable requests too, and the canary gets its share of this route only: expect fewer requests than shown';

function metricsMissing({ rate }: Forecast): string[] {
  if (rate.kind === 'known') return [];
  return [`metrics show nothing, so that no number here is a forecast: ${rate.why}`];
}

function stableFails({ plan }: Prospect, { checks }: Forecast): string[] {
  return Object.entries(enforcedIn(plan.checks)).flatMap(([id, check]) => {
    const { stable, verdictIfLikeStable } = checks[id] ?? {};
    if (stable?.kind !== 'value' || verdictIfLikeStable !== 'fail') return [];
    const of = { metric: check.metric, unit: stable.unit };
    const [value, limit] = [measured(of, stable.value), measured(of, limitIn(check))];
    return [
      `check ${id}: the ${metricNames[check.metric]} of stable itself is ${value}, and the limit is ${limit}: a canary that is no better is held, and goes back after ${say.seconds(environmentLimitMs / 1000)}`,
    ];
  });
}

function tooFewRequests({ steps }: Forecast): string[] {
  return steps.flatMap(({ step, share, checks }) => {
    const risky = checks.filter(({ risk }) => risk === 'inconclusive_likely');
    return risky.map(
      ({ check, hint }) =>
        `step ${step + 1} at ${say.share(share)}, check ${check}: too few requests to judge, so that it is held until the deadline; ${hint}`,
    );
  });
}

/** Limits whose breach a step cannot see in its bake; one that is never seen is told of elsewhere, or cannot be broken. */
function unseenLimits({ steps, judge, rate }: Forecast): string[] {
  if (judge?.kind === 'unknown' && rate.kind === 'known')
    return [`what each step can see is not known: ${judge.why}`];
  return steps.flatMap(({ step, share, sight }) => {
    const unseen = (sight?.checks ?? []).filter((one) => one.risk === 'unseen' && one.requests !== null);
    return unseen.map(
      ({ check, hint }) =>
        `step ${step + 1} at ${say.share(share)}, check ${check}: it cannot see what the limit says; ${hint}`,
    );
  });
}

function coarseBuckets({ plan, survey }: Prospect, { checks }: Forecast): string[] {
  if (survey.kind === 'none') return [];
  const whose =
    survey.survey.latencyFrom === 'callers' ? 'the callers, who time the requests,' : 'both versions';
  return Object.entries(meshChecksIn(plan.checks)).flatMap(([id, { max }]) => {
    const advice = checks[id]?.bucket ?? null;
    if (advice === null) return [];
    const { lowerMs, upperMs, annotation } = advice;
    const place =
      upperMs === null
        ? `lies above the highest histogram bucket, ${lowerMs} ms, where nothing can be judged`
        : `lies inside the histogram bucket from ${lowerMs} to ${upperMs} ms, where a P99 is only interpolated`;
    return `check ${id}: the limit of ${max} ms ${place}: annotate the pod templates of ${whose} with ${annotation.name}: '${annotation.value}'`;
  });
}

function waitsForPeople({ plan }: Prospect): string[] {
  const first = plan.steps.findIndex(
    (step) => step.type === 'approval' || (step.type === 'pause' && step.duration === undefined),
  );
  if (first < 0) return [];
  return [`step ${first + 1} waits for people: the times after it are the earliest that are possible`];
}

/** Why a rollout would not begin at once, and how long it would wait for that to pass, as one sentence. */
export function whyNotStarted({ why, patienceMs }: StartObstacle): string {
  if (patienceMs === 0) return say.sentence(why);
  const wait = patienceMs === null ? 'until that has passed' : `at most ${say.seconds(patienceMs / 1000)}`;
  return say.sentence(`${say.inner(why)}; it would wait ${wait}`);
}
