import { type Measurements, withSoundNumbers } from '../analysis/reading.ts';
import { severeErrorRatio, severeIncrements } from '../analysis/severe.ts';
import { judge } from '../analysis/threshold.ts';
import {
  errorLimit,
  expectedRequests,
  type Facts,
  isWindowFull,
  judgedByLimit,
  requestsIn,
  whyMissing,
} from './evidence.ts';
import { breachIn, metricOf } from './failed-check.ts';
import type { Finding, Guarded } from './finding.ts';
import { judgedBack, judgedHold, judgedNoTraffic } from './judged-guards.ts';
import { isSequential, restingJudge } from './judging.ts';
import { criticalIn, enforcedIn, limitIn, meshChecksIn } from './plan-parts.ts';
import { emptyWatch, type Rollout, type Watch } from './rollout.ts';
import type { Millis } from './units.ts';
import { mismatchIn } from './uptake.ts';
import { failedWarning, judgedWarning } from './warned.ts';
import { remember } from './watch.ts';

const clear: Finding = { kind: 'clear' };

type Guard = (guarded: Guarded) => Finding | null;

/** What the plan's judge says: of the canary, of what it shares with stable, for a person, and of too few requests to tell. */
type Judges = { failed: Guard; shared: Guard; warned: Guard; idle: Guard };

/** In the order in which their answers count; whatever goes back counts before whatever only stops. */
function guardsWith({ failed, shared, warned, idle }: Judges): Guard[] {
  return [
    noReadyPod,
    severeErrors,
    failed,
    missingRequests,
    unattributedErrors,
    metricsMissing,
    firingAlert,
    shared,
    warned,
    trafficMismatch,
    idle,
    stableNotReady,
    canaryNotReady,
  ];
}

const byThreshold = guardsWith({
  failed: failedCheck,
  shared: environment,
  warned: failedWarning,
  idle: noTraffic,
});
const sequentially = guardsWith({
  failed: (guarded) => judgedBack(guarded) ?? failedCheck(guarded),
  shared: (guarded) => judgedHold(guarded) ?? environment(guarded),
  warned: (guarded) => judgedWarning(guarded) ?? failedWarning(guarded),
  idle: judgedNoTraffic,
});

const noReadyPodPolls = 2;
const missingRequestPolls = 3;
export const metricsMissingLimitMs = 15 * 60_000;
export const environmentLimitMs = 5 * 60_000;
/** Of stable's pods, how many have to be ready for it to take all traffic. */
export const stableReadyRatio = 0.75;

/**
 * Folds one look into what the guards remember and asks each guard. They run in every state in which the canary
 * has traffic; while it has none, only the pods are looked at and earlier polls are forgotten. Polls count only when
 * `measurements` is given.
 */
export function watchOver(rollout: Rollout, seen: Facts, now: Millis): { watch: Watch; finding: Finding } {
  const facts = { ...seen, measurements: seen.measurements && withSoundNumbers(seen.measurements) };
  if (facts.share === 0 && !facts.isPreviewed) {
    const watch = { ...emptyWatch, judge: restingJudge(rollout) };
    const guarded = { rollout, watch, facts, now };
    return { watch, finding: stableNotReady(guarded) ?? canaryNotReady(guarded) ?? clear };
  }
  const watch =
    facts.measurements === null ? rollout.watch : remember(rollout, facts, facts.measurements, now);
  const guards = isSequential(rollout) ? sequentially : byThreshold;
  const findings = guards.flatMap((guard) => guard({ rollout, watch, facts, now }) ?? []);
  return { watch, finding: findings.find(({ kind }) => kind === 'rollback') ?? findings[0] ?? clear };
}

function noReadyPod({ watch, facts }: Guarded): Finding | null {
  const canary = facts.readiness?.canary;
  if (watch.noReadyPodPolls < noReadyPodPolls || canary?.kind !== 'known' || canary.ready > 0) return null;
  const evidence = {
    kind: 'noReadyPod' as const,
    ready: 0,
    total: canary.total,
    polls: watch.noReadyPodPolls,
  };
  return { kind: 'rollback', cause: { kind: 'canaryUnreachable', evidence } };
}

function severeErrors({ watch: { severe } }: Guarded): Finding | null {
  if (severe.inARow < severeIncrements || severe.judged === null) return null;
  const { requests, errors } = severe.judged;
  const cause = {
    kind: 'severeErrors' as const,
    value: errors / requests,
    limit: severeErrorRatio,
    requests,
  };
  return { kind: 'rollback', cause };
}

function failedCheck({ rollout, watch }: Guarded): Finding | null {
  for (const [id, check] of Object.entries(criticalIn(judgedByLimit(rollout)))) {
    const result = watch.results[id];
    const cause = result === undefined ? null : breachIn(id, check, result);
    if (cause !== null) return { kind: 'rollback', cause };
  }
  return null;
}

function missingRequests({ watch, facts }: Guarded): Finding | null {
  if (watch.missingRequestPolls < missingRequestPolls || facts.measurements === null) return null;
  const requests = requestsIn(facts.measurements.requests.canary);
  const expected = expectedRequests(facts.measurements.requests.stable, facts.share);
  if (requests === null || expected === null) return null;
  const evidence = { kind: 'missingRequests' as const, requests, expected, polls: watch.missingRequestPolls };
  return { kind: 'rollback', cause: { kind: 'canaryUnreachable', evidence } };
}

function unattributedErrors({ rollout, watch, facts }: Guarded): Finding | null {
  const limit = errorLimit(rollout.plan.checks);
  const reading = facts.measurements?.unattributed;
  if (limit === null || reading?.kind !== 'value' || watch.unattributedFailures < limit.failures) return null;
  const { value, requests } = reading;
  const failures = watch.unattributedFailures;
  return {
    kind: 'rollback',
    cause: { kind: 'unattributedErrors', value, limit: limit.max, requests, failures },
  };
}

/** What the plan listens to fires; whoever told of it, only what began with this rollout sends it back. */
function firingAlert({ watch: { alerts } }: Guarded): Finding | null {
  const [first] = alerts?.firing ?? [];
  if (first === undefined) return null;
  if (first.means === 'hold') {
    const { means, ...alert } = first;
    return { kind: 'hold', reason: { kind: 'alert', ...alert } };
  }
  const { means, since, ...alert } = first;
  return { kind: 'rollback', cause: { kind: 'alert', ...alert } };
}

function metricsMissing({ rollout, watch, facts, now }: Guarded): Finding | null {
  if (watch.metricsMissing === null) return null;
  const { since } = watch.metricsMissing;
  const why = whyStillMissing(rollout, watch.metricsMissing, facts.measurements);
  if (now - since < metricsMissingLimitMs || onlyPages(rollout, facts.share))
    return { kind: 'hold', reason: { kind: 'metricsMissing', why, since } };
  return { kind: 'rollback', cause: { kind: 'metricsMissing', seconds: (now - since) / 1000, why } };
}

/** True when metrics that stay away page somebody and nothing more: a plan may say so for its end, at 100 %. */
export function onlyPages({ plan }: Rollout, share: number): boolean {
  return share >= 100 && plan.metricsDown === 'page';
}

function whyStillMissing(
  rollout: Rollout,
  { goodPolls }: { goodPolls: number },
  measurements: Measurements | null,
): string {
  if (goodPolls > 0) return 'one poll with good data so far, two are needed';
  return (
    (measurements && whyMissing(rollout, measurements)) ?? 'the last poll had no good data for both arms'
  );
}

function environment({ rollout, watch, now }: Guarded): Finding | null {
  const since = watch.environmentSince;
  if (since === null) return null;
  for (const [id, check] of Object.entries(criticalIn(judgedByLimit(rollout)))) {
    const result = watch.results[id];
    if (result === undefined) continue;
    const judgement = judge(check, result);
    if (judgement.kind !== 'environment') continue;
    const { value, stable, requests } = judgement;
    const shared = { check: id, ...metricOf(check, result), stable, limit: limitIn(check), requests };
    if (now - since < environmentLimitMs)
      return { kind: 'hold', reason: { kind: 'environment', ...shared, canary: value, since } };
    const seconds = (now - since) / 1000;
    return { kind: 'rollback', cause: { kind: 'environmentLimit', ...shared, value, seconds } };
  }
  return null;
}

/** What is measured at another weight than the one that was set proves nothing about it. */
function trafficMismatch({ rollout, watch, facts }: Guarded): Finding | null {
  const reason = mismatchIn(rollout, watch.uptake, facts);
  return reason === null ? null : { kind: 'hold', reason };
}

function noTraffic({ rollout, watch, facts }: Guarded): Finding | null {
  for (const [id, { window, minRequests }] of Object.entries(meshChecksIn(enforcedIn(rollout.plan.checks)))) {
    const result = watch.results[id];
    if (result === undefined || result.canary.kind === 'value') continue;
    const requests = requestsIn(result.canary);
    // At 100 % there is no stable to expect from: what the canary itself had in a full window must do.
    const expected =
      expectedRequests(result.stable, facts.share) ??
      (isWindowFull(rollout, window, result.at) ? requests : null);
    if (requests === null || expected === null || expected >= minRequests) continue;
    return { kind: 'hold', reason: { kind: 'noTraffic', requests, expected, needed: minRequests } };
  }
  return null;
}

function stableNotReady({ rollout, facts }: Guarded): Finding | null {
  const stable = facts.readiness?.stable;
  if (stable?.kind !== 'known') return null;
  const needed = Math.max(1, Math.ceil(stable.total * stableReadyRatio), rollout.plan.stable.minReady ?? 0);
  if (stable.ready >= needed) return null;
  return {
    kind: 'hold',
    reason: { kind: 'stableNotReady', ready: stable.ready, total: stable.total, needed },
  };
}

function canaryNotReady({ facts }: Guarded): Finding | null {
  const canary = facts.readiness?.canary;
  if (canary?.kind !== 'known' || canary.ready > 0) return null;
  return { kind: 'hold', reason: { kind: 'canaryNotReady', total: canary.total } };
}
