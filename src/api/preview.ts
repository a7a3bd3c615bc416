import type { z } from 'zod';
import type { CheckForecast } from '../rollout/forecast-check.ts';
import { whyNotStarted } from '../rollout/forecast-warnings.ts';
import type { Check } from '../rollout/plan-parts.ts';
import type { Preview, Previewed, PreviewStep } from '../rollout/preview.ts';
import type { Rehearsed } from '../rollout/rehearsal.ts';
import { isScheduled, type StoredRollout } from '../rollout/rollout.ts';
import type { TargetRequest } from '../rollout/target.ts';
import { renderHold } from './hold-wire.ts';
import type { PreviewOnWire } from './preview-wire.ts';
import { planProblem, startAtProblem, takenProblem, targetProblem } from './refusals.ts';
import { renderReadiness } from './render-readiness.ts';
import { renderTarget, renderVersions } from './render-roles.ts';
import { renderPlan, renderReading, renderRule } from './render-rollout.ts';
import { renderJudge, renderSight, rounded } from './render-sight.ts';
import { unitOf } from './unit-of.ts';
import { timestamp } from './wire-parts.ts';

type PreviewAnswer = z.output<typeof PreviewOnWire>;

/** What a rollout would do, step by step. Throws a problem when it would not even be written down. */
export function renderPreview(preview: Preview, target: TargetRequest): PreviewAnswer {
  switch (preview.kind) {
    case 'preview':
      return renderPreviewed(preview);
    case 'taken':
      throw takenProblem(preview.by);
    case 'startAtOutside':
      throw startAtProblem(preview);
    case 'planUnfit':
      throw planProblem(preview.faults);
    case 'clusterUnknown':
    case 'targetMissing':
    case 'targetShape':
    case 'meshUnavailable':
      throw targetProblem(preview, target);
  }
}

function renderPreviewed(preview: Previewed): PreviewAnswer {
  const { rollout, obstacle, order, forecast, survey } = preview;
  return {
    dryRun: 'all',
    wouldStart: obstacle === null,
    why: obstacle === null ? null : whyNotStarted(obstacle),
    startAt: isScheduled(rollout) && rollout.startAt !== null ? timestamp(rollout.startAt) : null,
    queuedBehind: queuedBehind(rollout),
    target: renderTarget(rollout),
    versions: renderVersions(rollout),
    plan: renderPlan(rollout),
    warnings: preview.warnings,
    requestsPerSecond: forecast.rate.kind === 'known' ? rounded(forecast.rate.perSecond) : null,
    judged: renderJudge(forecast.judge),
    checks: Object.entries(rollout.plan.checks).map(([id, check]) => renderCheck(preview, id, check)),
    guards: { queries: survey?.guards ?? [] },
    steps: preview.steps.map((step) => renderStep(rollout.plan.checks, step)),
    approvals: approvalsIn(rollout),
    writes: preview.rehearsed.map(renderRehearsed),
    otherRoutes: preview.otherRoutes,
    readiness: preview.readiness && renderReadiness(preview.readiness),
    hold: order === null ? null : renderHold(order),
    totalSeconds: forecast.seconds,
    estimatedEnd: timestamp(forecast.endsAt),
  };
}

function renderRehearsed({ write, share, outcome }: Rehearsed): PreviewAnswer['writes'][number] {
  return {
    write: write === 'first' ? 'first' : 'way_back',
    share,
    outcome: outcome.kind,
    why: outcome.kind === 'accepted' ? null : outcome.why,
  };
}

function queuedBehind(rollout: StoredRollout): string | null {
  if (!isScheduled(rollout) || rollout.state.kind !== 'waiting') return null;
  const { obstacle } = rollout.state;
  return obstacle?.kind === 'behind' ? obstacle.rollout : null;
}

function renderCheck(
  { forecast, survey }: Previewed,
  id: string,
  check: Check,
): PreviewAnswer['checks'][number] {
  const { metric, window } = check;
  const { stable, verdictIfLikeStable, bucket } = forecast.checks[id] ?? notForecast;
  const isRead = stable !== null && stable.kind !== 'unavailable';
  return {
    check: id,
    ...renderRule(check),
    unit: unitOf(metric, stable === null ? [] : [stable]),
    windowSeconds: window,
    now: isRead ? { stable: renderReading(metric, stable) } : null,
    verdictIfLikeStable,
    bucket,
    queries: survey?.checks[id]?.queries ?? [],
  };
}

const notForecast = { stable: null, verdictIfLikeStable: null, bucket: null };

function renderStep(
  checks: Record<string, Check>,
  { changes, at, exposure, sight, ...step }: PreviewStep,
): PreviewAnswer['steps'][number] {
  return {
    ...step,
    at: timestamp(at),
    diff: changes,
    checks: step.checks.flatMap((forecast) => renderForecast(forecast, checks[forecast.check])),
    sight: sight && renderSight(checks, sight),
    exposure: exposure && {
      seconds: Math.ceil(exposure.seconds),
      requests: Math.ceil(exposure.requests),
    },
  };
}

function renderForecast(forecast: CheckForecast, check: Check | undefined) {
  if (check === undefined || check.metric === 'custom') return [];
  const { expectedRequests: expected } = forecast;
  return {
    ...forecast,
    limit: check.max,
    minRequests: check.minRequests,
    expectedRequests: expected === null ? null : rounded(expected),
  };
}

function approvalsIn({ plan, requestedBy }: StoredRollout): PreviewAnswer['approvals'] {
  return plan.steps.flatMap((step, index) =>
    step.type === 'approval'
      ? [{ step: index, count: step.count, excludes: [requestedBy], expiresSeconds: step.expires }]
      : [],
  );
}
