import { type Reading, withSoundNumbers } from '../analysis/reading.ts';
import type { Fact, PlannedCheck, StableSurvey, Subject, SurveyedCheck } from '../readiness/snapshot.ts';
import { rateOf } from './forecast.ts';
import { enforcedIn, isWatched, meshChecksIn, watchedSeconds } from './plan-parts.ts';
import { requirementsOf } from './plan-readiness.ts';
import type { MetricsSurvey } from './ports/metrics.ts';
import { begunAt, type Rollout } from './rollout.ts';
import { objectsOf } from './target.ts';
import { timelineOf } from './timeline.ts';
import type { Share } from './units.ts';

/** What the readiness checks have to know of a rollout, before it starts or before a raise to a share in percent. */
export function subjectOf(rollout: Rollout, raiseTo: Share | null = null): Subject {
  const { target, plan, traffic, state } = rollout;
  const { cluster, stable, canary } = target;
  const shares = sharesOf(plan);
  const bakes = plan.steps.filter(isWatched).flatMap((step) => watchedSeconds(step) ?? []);
  const hasBegun = state.kind !== 'preflight';
  return {
    cluster,
    virtualServices: objectsOf(target).map(({ namespace, virtualService, routes }) => ({
      namespace,
      name: virtualService,
      routes: routes.map(({ key }) => key),
    })),
    stable,
    canary,
    shares,
    nextShare: raiseTo ?? shares.find((share) => share > traffic.desired) ?? 100,
    writtenShare: hasBegun ? traffic.applied : null,
    intendedShare: traffic.intent?.share ?? null,
    shortestBake: bakes.length === 0 ? null : Math.min(...bakes),
    deadline: plan.deadline,
    checks: checksOf(plan),
    startedAt: hasBegun ? begunAt(rollout) : null,
    stableReadyAtStart: target.stableReadyAtStart,
    requirements: requirementsOf(plan),
  };
}

/** The shares that the plan reaches, each once. */
function sharesOf(plan: Rollout['plan']): number[] {
  const shares = timelineOf(plan).steps.map(({ share }) => share);
  return [...new Set(shares)].filter((share) => share > 0);
}

/** What is only observed keeps no rollout from starting. */
function checksOf({ checks }: Rollout['plan']): PlannedCheck[] {
  return Object.entries(meshChecksIn(enforcedIn(checks))).map(
    ([id, { metric, max, window, minRequests }]) => ({
      id,
      metric,
      max,
      window,
      minRequests,
    }),
  );
}

/** What the checks of the plan find of stable now, as the readiness checks read it; null where metrics were not asked. */
export function surveyFact(
  { plan }: Pick<Rollout, 'plan'>,
  survey: MetricsSurvey | null,
): Fact<StableSurvey> {
  if (survey === null) {
    const why = 'the plan has no checks, so that metrics are not asked';
    return { kind: 'unread', why, mend: 'write a check into the plan' };
  }
  const rate = rateOf({ plan, survey: { kind: 'survey', survey } });
  if (rate.kind === 'unknown') {
    return { kind: 'unread', why: rate.why, mend: 'canaryd doctor says whether Prometheus can be asked' };
  }
  const checks = Object.keys(meshChecksIn(enforcedIn(plan.checks))).map((id) => surveyedCheck(id, survey));
  return { kind: 'read', value: { requestsPerSecond: rate.perSecond, checks } };
}

function surveyedCheck(id: string, { measurements, checks }: MetricsSurvey): SurveyedCheck {
  const stable = withSoundNumbers(measurements).checks[id]?.stable;
  const shown = checks[id];
  return {
    id,
    query: shown?.queries[0]?.query ?? '',
    unread: stable?.kind === 'unavailable' ? stable.why : null,
    requests: stable === undefined ? null : requestsIn(stable, measurements.requests.stable),
    value: stable?.kind === 'value' ? stable.value : null,
    boundsMs: shown?.boundsMs ?? null,
  };
}

/** A window without requests reads like one without series: all windows together tell them apart. */
function requestsIn(stable: Reading, overall: Reading): number | null {
  if (stable.kind === 'value' || stable.kind === 'tooFew') return stable.requests;
  return stable.kind === 'none' && overall.kind === 'value' ? 0 : null;
}
