import { healing, healingRoutes, mover, reshaping, written } from './mover.ts';
import { highestBucketMs } from './plan-parts.ts';
import type { Actor, Cause, HoldReason, PauseReason, StuckReason } from './reasons.ts';
import * as say from './say.ts';
import { isSameShare, type Millis } from './units.ts';

/** A measured value with its unit. */
export function measured({ metric, unit }: Metric, value: number): string {
  if (metric === 'custom' && unit !== 'ratio' && unit !== 'ms') return String(Number(value.toPrecision(6)));
  if (metric === 'errorRate' || unit === 'ratio') return say.ratio(value);
  return metric === 'p99LatencyMs' && value > highestBucketMs
    ? `over ${highestBucketMs} ms`
    : `${Math.round(value)} ms`;
}

/** What was measured; a custom check has its unit from its template. */
type Metric = {
  metric: 'errorRate' | 'p99LatencyMs' | 'custom';
  unit?: 'ratio' | 'ms' | 'count' | undefined;
  breach?: 'above' | 'below' | undefined;
  rule?: string | undefined;
};

const errorRate: Metric = { metric: 'errorRate' };

/** `2500 ms, above the limit of 2000 ms`; a value that would read like its limit is `just over` it. */
function beyond(metric: Metric, value: number, limit: number, bounds = ''): string {
  const [found, allowed] = [measured(metric, value), measured(metric, limit)];
  const { breach = 'above' } = metric;
  if (found === allowed)
    return `just ${breach === 'above' ? 'over' : 'under'} the limit of ${allowed}${bounds}`;
  return `${found}${bounds}, ${breach} the limit of ${allowed}`;
}

/** Which check it was, and of how many requests; what a custom one asks for counts none. */
function evidenceOf(
  { metric, rule }: Metric,
  { check, requests }: { check: string; requests: number },
): string {
  const which = checkNamed(check, rule);
  return metric === 'custom' ? which : `${which}; ${say.count(requests)} requests`;
}

/** A check by its name, with the alert rule that its limit comes from. */
function checkNamed(check: string, rule: string | undefined): string {
  return rule === undefined ? `check ${check}` : `check ${check}, by ${ruleNamed(rule)}`;
}

/** An alert rule by its group and its name, which others chose. */
export function ruleNamed(rule: string): string {
  return `the alert rule ${rule.split('/').map(say.foreign).join('/')}`;
}

/** P99 is a guess within its bucket, so the bounds stand beside it. */
function bucket(bounds: { lowerMs: number; upperMs: number } | null): string {
  return bounds === null ? '' : ` (between ${bounds.lowerMs} and ${bounds.upperMs} ms)`;
}

/** What each metric is called in sentences. */
export const metricNames = { errorRate: '5xx ratio', p99LatencyMs: 'P99 latency', custom: 'value' } as const;

/** Why a rollout goes back, in one sentence with value, unit, limit and requests. `by` is who turned it back. */
export function cause(of: Cause, by: Actor): string {
  switch (of.kind) {
    case 'check':
      return failedCheck(of);
    case 'judged':
      return say.inner(of.why);
    case 'severeErrors':
      return `5xx ratio of the canary was ${beyond(errorRate, of.value, of.limit)}, in two stretches in a row (${say.count(of.requests)} requests in the last one)`;
    case 'canaryUnreachable':
      return unreachable(of.evidence);
    case 'unattributedErrors':
      return `5xx ratio at the callers, of requests that reached no version, was ${beyond(errorRate, of.value, of.limit)}, ${of.failures} ${of.failures === 1 ? 'time' : 'times in a row'} (${say.count(of.requests)} requests)`;
    case 'environmentLimit':
      return `${metricNames[of.metric]} of the canary was ${beyond(of, of.value, of.limit)}, and stable no better with ${measured(of, of.stable)}, for ${say.seconds(of.seconds)} (${evidenceOf(of, of)})`;
    case 'alert':
      return `${alertInWords(of)} has fired since ${dayAndTime(of.startsAt)}, after this rollout began, and the plan rolls back for it (${heardFrom(of)})`;
    case 'metricsMissing':
      return `there were no usable metrics for ${say.seconds(of.seconds)}: ${say.inner(of.why)}`;
    case 'deadline':
      return `the plan's deadline of ${say.seconds(of.seconds)} passed`;
    case 'expired':
      return `nobody ended the pause within ${say.seconds(of.seconds)}`;
    case 'approvalExpired':
      return `${of.approvals} of ${of.needed} approvals came within ${say.seconds(of.seconds)}`;
    case 'approvalRejected':
      return of.reason === null
        ? `${by.name} rejected it`
        : `${by.name} rejected it: ${say.inner(of.reason)}`;
    case 'handoverUndone':
      return "stable's pods run an image again that is not the canary's";
    case 'targetMissing':
      return 'the VirtualService is gone';
    case 'outOfBand':
      return `somebody had taken the canary's traffic without the database (canaryd break-glass, or a worker cut off from it, in epoch ${of.epoch})`;
    case 'stateRestored':
      return `${restored(of)}, and less than that may mean that it was on its way back`;
    case 'drift':
      return `${moved(of)}, and the plan says onDrift: rollback${healing(of)}`;
    case 'operator':
      return withReason(`${by.name} asked for it`, of.reason);
  }
}

function failedCheck(of: Extract<Cause, { kind: 'check' }>): string {
  const stable =
    of.stable === null ? 'stable gave nothing to compare with' : `stable ${measured(of, of.stable)}`;
  const counted =
    of.metric === 'custom' ? '' : `${say.count(of.requests)} requests in ${say.seconds(of.windowSeconds)}, `;
  const evidence = `${counted}${stable}`;
  return `${metricNames[of.metric]} of the canary was ${beyond(of, of.value, of.limit, bucket(of.bucket))}, ${of.failures} ${of.failures === 1 ? 'time' : 'times in a row'} (${checkNamed(of.check, of.rule)}; ${evidence})`;
}

function withReason(what: string, reason: string | null): string {
  return reason === null ? what : `${what}: ${say.inner(reason)}`;
}

function unreachable(evidence: Extract<Cause, { kind: 'canaryUnreachable' }>['evidence']): string {
  if (evidence.kind === 'noReadyPod') {
    return `the canary had no ready pod in ${evidence.polls} polls in a row (0 of ${evidence.total} ready)`;
  }
  const { requests, expected, polls } = evidence;
  return `the canary saw ${say.count(requests)} requests where its share should have brought ${say.count(expected)}, in ${polls} polls in a row`;
}

/** Why a rollout holds, in one sentence. */
export function hold(reason: HoldReason): string {
  switch (reason.kind) {
    case 'metricsMissing':
      return `no usable metrics since ${say.timeOfDay(reason.since)}: ${say.inner(reason.why)}`;
    case 'noTraffic':
      return `too little traffic to judge: in the check's window the canary had ${say.count(reason.requests)} requests and could expect ${say.count(reason.expected)}, ${reason.needed} are needed (raise the weight, lengthen the window, or lower minRequests)`;
    case 'trafficMismatch':
      return mismatch(reason);
    case 'environment':
      return `${metricNames[reason.metric]} of the canary is ${beyond(reason, reason.canary, reason.limit)}, and stable no better with ${measured(reason, reason.stable)}, since ${say.timeOfDay(reason.since)}: the cause is not the canary (${evidenceOf(reason, reason)})`;
    case 'judged':
      return say.inner(reason.why);
    case 'alert':
      return firing(reason);
    case 'stableNotReady':
      return `stable has ${reason.ready} of ${reason.total} pods ready, ${reason.needed} are needed to be able to go back`;
    case 'unproven':
      return `a check has not passed lately at ${say.share(reason.share)}, and more traffic needs fresh proof`;
    case 'targetMissing':
      return `${subject(reason)} is gone since ${say.timeOfDay(reason.since)}`;
    case 'canaryNotReady':
      return `the canary has no ready pod (0 of ${reason.total}), so it gets no more traffic`;
    case 'canaryUnsettled':
      return `the canary is not one thing yet, so it gets no traffic: ${say.inner(reason.why)}`;
    case 'notReady':
      return `the mesh is not ready for more: ${say.inner(reason.why)}`;
    case 'killSwitch':
      return withReason(
        `${reason.by.name} stopped every move forward in ${reason.scope} at ${say.timeOfDay(reason.since)} (DELETE /v1/hold/${reason.order} lifts it)`,
        reason.reason,
      );
    case 'meshUnavailable':
      return `the VirtualService cannot be read: ${say.inner(reason.why)}`;
    case 'meshWriteFailed':
      return `the weight could not be written: ${say.inner(reason.why)}`;
  }
}

type Alert = Pick<Extract<Cause, { kind: 'alert' }>, 'name' | 'labels' | 'receivedBy'>;

/** Names that others gave, and labels that the plan names. */
function alertInWords({ name, labels }: Alert): string {
  const others = Object.entries(labels).filter(([label]) => label !== 'alertname' || name === '');
  const matched = others.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ');
  const which = matched === '' ? '' : ` with ${matched}`;
  return `${name === '' ? 'an alert' : `the alert ${say.foreign(name)}`}${which}`;
}

function heardFrom({ receivedBy }: Alert): string {
  return receivedBy.kind === 'prometheus' ? 'read from Prometheus' : `sent by ${receivedBy.by.name}`;
}

function firing(reason: Extract<HoldReason, { kind: 'alert' }>): string {
  const { startsAt } = reason;
  const fires = startsAt === null ? 'fires' : `has fired since ${dayAndTime(startsAt)}`;
  return `${alertInWords(reason)} ${fires}, ${onlyHolds[reason.only]} (${heardFrom(reason)})`;
}

/** An alert may be days old. */
function dayAndTime(at: Millis): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

const onlyHolds = {
  plan: 'and the plan holds until it is over',
  beganBefore:
    'which is before this rollout began: that is no reason to roll back, but to hold until it is over',
  beginningUnknown: 'nobody knows since when: that is no reason to roll back, but to hold until it is over',
} as const satisfies Record<Extract<HoldReason, { kind: 'alert' }>['only'], string>;

function mismatch({
  applied,
  observed,
  tolerance,
  requests,
  since,
}: Extract<HoldReason, { kind: 'trafficMismatch' }>): string {
  const allowed = `${say.share(Math.max(0, applied - tolerance))} to ${say.share(Math.min(100, applied + tolerance))}`;
  const found = `${say.share(observed)} of ${say.count(requests)} requests went to the canary, where its weight of ${say.share(applied)} allows ${allowed}, since ${say.timeOfDay(since)}`;
  const more =
    observed > applied
      ? 'for other routes or callers without a proxy that reach the canary'
      : 'for other routes or callers without a proxy that reach stable';
  return `${found}: the mesh does not divide them as the VirtualService says (look for proxies that have not taken it with istioctl proxy-status, ${more}, and for retries)`;
}

/** Why a rollout waits for a person, in one sentence. */
export function pause(reason: PauseReason): string {
  switch (reason.kind) {
    case 'operator':
      return reason.note === null
        ? `paused by ${reason.by.name}`
        : `paused by ${reason.by.name}: ${say.inner(reason.note)}`;
    case 'plan':
      return 'the plan waits here for a person';
    case 'inconclusive':
      return `nobody can tell after ${say.seconds(reason.seconds)} more: ${say.inner(reason.why)}`;
    case 'warning':
      return `check ${reason.check} asks for a person (severity: warning): ${say.inner(reason.why)}`;
    case 'drift':
      return `${moved(reason)}${healing(reason)}`;
    case 'canaryChanged':
      return `the canary is another one now: container ${reason.container} ran ${digest(reason.from)} and runs ${digest(reason.to)}; what was measured and approved counts no more`;
    case 'recreated':
      return `${subject(reason)} was deleted and created anew`;
    case 'shapeChanged':
      return `${reason.movedBy === null ? 'the VirtualService was changed' : `${mover(reason)} changed the VirtualService`} into a form that canaryd does not edit: ${say.inner(reason.why)}; ${reshaping(reason)}`;
    case 'routesChanged':
      return `${mover(reason)} changed the managed routes: ${say.inner(reason.why)}; resume writes them anew${healingRoutes(reason)}`;
    case 'stateRestored':
      return `${restored(reason)}: what happened in between is not known`;
    case 'anotherRollout':
      return `another rollout, ${say.foreign(reason.rollout)}, has written this VirtualService since (epoch ${reason.epoch}${reason.signedBy === null ? '' : `; its annotation was written by field manager ${written(reason.signedBy)}, not by canaryd`})`;
  }
}

/** What somebody did to the weights, and who, as far as the object tells. */
export function moved({
  expected,
  found,
  ...hand
}: Omit<Extract<PauseReason, { kind: 'drift' }>, 'kind'>): string {
  const [from, to] = [say.share(expected), say.share(found)];
  return isSameShare(expected, found)
    ? `${mover(hand)} moved the canary's weight away from ${from} and back`
    : `${mover(hand)} moved the canary's weight from ${from} to ${to}`;
}

type Restored = Extract<PauseReason, { kind: 'stateRestored' }>;

function restored({ desired, found, recordedEpoch, foundEpoch }: Omit<Restored, 'kind'>): string {
  return `the database is older than the VirtualService (epoch ${recordedEpoch} here, ${foundEpoch} there), as after a restored backup: it knew of ${say.share(desired)} for the canary, and ${say.share(found)} stood there`;
}

/** Why a rollback is not finished, in one sentence. */
export function stuck(reason: StuckReason): string {
  switch (reason.kind) {
    case 'meshWriteFailed':
      return `the weight could not be written: ${say.inner(reason.why)}`;
    case 'targetMissing':
      return `${subject(reason)} is gone since ${say.timeOfDay(reason.since)}: put it back, or it counts as gone for good`;
    case 'stableMissing':
      return "stable's destination is gone from the route, so no weight can bring users back: put it back with kubectl edit";
    case 'stableCarries':
      return "stable's pods run the canary's images by now, so weights bring nobody back: take stable's images back with kubectl rollout undo";
    case 'stableNotReady':
      return 'stable has no ready pod, so going back would take all users down: roll back by hand to do it all the same';
  }
}

/** Which VirtualService, where there are several. */
function subject({ object }: { object?: string }): string {
  return object ?? 'the VirtualService';
}

/** As much of an image's digest as people compare. */
function digest(text: string): string {
  return text === '' ? 'nothing' : text.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1');
}
