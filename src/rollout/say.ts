import { highestBucketMs, type Step } from './plan-parts.ts';
import type { Actor, Cause, HoldReason, PauseReason, StuckReason } from './reasons.ts';
import type { Rollout, State } from './rollout.ts';
import { isSameShare, type Millis } from './units.ts';

/** A whole sentence: a capital first, and one full stop, whatever a person or a provider ended it with. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${inner(text.slice(1))}.`;
}

/** `0.1234` as `12.34 %`: at most two decimals, none that say nothing. */
function ratio(value: number): string {
  return value > 1 ? 'over 100 %' : `${trimmed(value * 100)} %`;
}

/** A share as people write it: `5 %`. */
export function share(value: number): string {
  return `${trimmed(value)} %`;
}

/** A count of requests; Prometheus extrapolates, people do not. */
export function count(requests: number): string {
  return String(Math.round(requests));
}

/** Seconds as `45 s`, `5 min` or `2 h`, whichever is shortest without lying. */
export function seconds(value: number): string {
  if (value >= 7200) return `${trimmed(value / 3600, 1)} h`;
  return value >= 120 ? `${trimmed(value / 60, 1)} min` : `${trimmed(value, 1)} s`;
}

/** `14:05:09Z`: the time of day in UTC. */
export function timeOfDay(at: Millis): string {
  return `${new Date(at).toISOString().slice(11, 19)}Z`;
}

/** The time of day, with the date when it is not today's. */
export function moment(at: Millis, now: Millis): string {
  const [day, today] = [at, now].map((time) => new Date(time).toISOString().slice(0, 10));
  return day === today ? timeOfDay(at) : `${day} ${timeOfDay(at)}`;
}

/** A measured value with its unit. */
function measured(metric: Metric, value: number): string {
  if (metric === 'errorRate') return ratio(value);
  return value > highestBucketMs ? `over ${highestBucketMs} ms` : `${Math.round(value)} ms`;
}

type Metric = 'errorRate' | 'p99LatencyMs';

/** `2500 ms, above the limit of 2000 ms`; a value that would read like its limit is `just over` it. */
function above(metric: Metric, value: number, limit: number, bounds = ''): string {
  const [found, allowed] = [measured(metric, value), measured(metric, limit)];
  if (found === allowed) return `just over the limit of ${allowed}${bounds}`;
  return `${found}${bounds}, above the limit of ${allowed}`;
}

/** P99 is a guess within its bucket, so the bounds stand beside it. */
function bucket(bounds: { lowerMs: number; upperMs: number } | null): string {
  return bounds === null ? '' : ` (between ${bounds.lowerMs} and ${bounds.upperMs} ms)`;
}

/** What each metric is called in sentences. */
const metricNames = { errorRate: '5xx ratio', p99LatencyMs: 'P99 latency' } as const;

/** Why a rollout goes back, in one sentence with value, unit, limit and requests. `by` is who turned it back. */
export function cause(of: Cause, by: Actor): string {
  switch (of.kind) {
    case 'check': {
      const stable =
        of.stable === null
          ? 'stable gave nothing to compare with'
          : `stable ${measured(of.metric, of.stable)}`;
      const evidence = `${count(of.requests)} requests in ${seconds(of.windowSeconds)}, ${stable}`;
      return `${metricNames[of.metric]} of the canary was ${above(of.metric, of.value, of.limit, bucket(of.bucket))}, ${of.failures} ${of.failures === 1 ? 'time' : 'times in a row'} (check ${of.check}; ${evidence})`;
    }
    case 'severeErrors':
      return `5xx ratio of the canary was ${above('errorRate', of.value, of.limit)}, in two stretches in a row (${count(of.requests)} requests in the last one)`;
    case 'canaryUnreachable':
      return unreachable(of.evidence);
    case 'unattributedErrors':
      return `5xx ratio at the callers, of requests that reached no version, was ${above('errorRate', of.value, of.limit)}, ${of.failures} ${of.failures === 1 ? 'time' : 'times in a row'} (${count(of.requests)} requests)`;
    case 'environmentLimit':
      return `${metricNames[of.metric]} of the canary was ${above(of.metric, of.value, of.limit)}, and stable no better with ${measured(of.metric, of.stable)}, for ${seconds(of.seconds)} (check ${of.check}; ${count(of.requests)} requests)`;
    case 'metricsMissing':
      return `there were no usable metrics for ${seconds(of.seconds)}: ${inner(of.why)}`;
    case 'deadline':
      return `the plan's deadline of ${seconds(of.seconds)} passed`;
    case 'expired':
      return `nobody ended the pause within ${seconds(of.seconds)}`;
    case 'targetMissing':
      return 'the VirtualService is gone';
    case 'operator':
      return of.reason === null ? `${by.name} asked for it` : `${by.name} asked for it: ${inner(of.reason)}`;
  }
}

function unreachable(evidence: Extract<Cause, { kind: 'canaryUnreachable' }>['evidence']): string {
  if (evidence.kind === 'noReadyPod') {
    return `the canary had no ready pod in ${evidence.polls} polls in a row (0 of ${evidence.total} ready)`;
  }
  const { requests, expected, polls } = evidence;
  return `the canary saw ${count(requests)} requests where its share should have brought ${count(expected)}, in ${polls} polls in a row`;
}

/** Why a rollout holds, in one sentence. */
export function hold(reason: HoldReason): string {
  switch (reason.kind) {
    case 'metricsMissing':
      return `no usable metrics since ${timeOfDay(reason.since)}: ${inner(reason.why)}`;
    case 'noTraffic':
      return `too little traffic to judge: in the check's window the canary had ${count(reason.requests)} requests and could expect ${count(reason.expected)}, ${reason.needed} are needed (raise the weight, lengthen the window, or lower minRequests)`;
    case 'environment':
      return `${metricNames[reason.metric]} of the canary is ${above(reason.metric, reason.canary, reason.limit)}, and stable no better with ${measured(reason.metric, reason.stable)}, since ${timeOfDay(reason.since)}: the cause is not the canary (check ${reason.check}; ${count(reason.requests)} requests)`;
    case 'stableNotReady':
      return `stable has ${reason.ready} of ${reason.total} pods ready, ${reason.needed} are needed to be able to go back`;
    case 'unproven':
      return `a check has not passed lately at ${share(reason.share)}, and more traffic needs fresh proof`;
    case 'targetMissing':
      return `the VirtualService is gone since ${timeOfDay(reason.since)}`;
    case 'canaryNotReady':
      return `the canary has no ready pod (0 of ${reason.total}), so it gets no more traffic`;
    case 'meshUnavailable':
      return `the VirtualService cannot be read: ${inner(reason.why)}`;
    case 'meshWriteFailed':
      return `the weight could not be written: ${inner(reason.why)}`;
  }
}

/** Why a rollout waits for a person, in one sentence. */
export function pause(reason: PauseReason): string {
  switch (reason.kind) {
    case 'operator':
      return reason.note === null
        ? `paused by ${reason.by.name}`
        : `paused by ${reason.by.name}: ${inner(reason.note)}`;
    case 'plan':
      return 'the plan waits here for a person';
    case 'drift':
      return isSameShare(reason.expected, reason.found)
        ? `somebody else moved the canary's weight away from ${share(reason.expected)} and back`
        : `somebody else moved the canary's weight from ${share(reason.expected)} to ${share(reason.found)}`;
    case 'recreated':
      return 'the VirtualService was deleted and created anew';
    case 'shapeChanged':
      return `the VirtualService was changed into a form that canaryd does not edit: ${inner(reason.why)}`;
  }
}

/** Why a rollback is not finished, in one sentence. */
export function stuck(reason: StuckReason): string {
  switch (reason.kind) {
    case 'meshWriteFailed':
      return `the weight could not be written: ${inner(reason.why)}`;
    case 'targetMissing':
      return `the VirtualService is gone since ${timeOfDay(reason.since)}: put it back, or it counts as gone for good`;
    case 'stableMissing':
      return "stable's destination is gone from the route, so no weight can bring users back: put it back with kubectl edit";
    case 'stableNotReady':
      return 'stable has no ready pod, so going back would take all users down: roll back by hand to do it all the same';
  }
}

/** What a step does, in few words. */
export function step(of: Step): string {
  switch (of.type) {
    case 'setWeight':
      return `set the weight to ${share(of.weight)}`;
    case 'bake':
      return `bake for ${seconds(of.duration)}`;
    case 'pause':
      return of.duration === undefined ? 'wait for a person' : `wait for ${seconds(of.duration)}`;
    case 'promote':
      return of.bake === undefined ? 'promote to 100 %' : `promote to 100 % and bake for ${seconds(of.bake)}`;
  }
}

/** Where traffic is, in one sentence; says so when that is not known. */
export function traffic({ traffic: now, target, state }: Rollout): string {
  const stable = `${share(100 - now.applied)} of traffic on ${target.stable.version} (stable)`;
  const split =
    now.applied === 0
      ? `all traffic on ${target.stable.version} (stable)`
      : `${share(now.applied)} of traffic on ${target.canary.version} (canary), ${stable}`;
  const all = now.applied === 100 ? `all traffic on ${target.canary.version} (canary)` : split;
  if (now.intent !== null && !isSameShare(now.intent.share, now.applied))
    return `${all} when last read; ${share(now.intent.share)} for the canary is being written`;
  return isOutOfSight(state) ? `${all} when last read` : all;
}

function isOutOfSight(state: State): boolean {
  if (state.kind === 'holding') return state.reason.kind === 'meshUnavailable';
  if (state.kind === 'paused') return state.reason.kind === 'shapeChanged';
  return (
    state.kind === 'rollbackFailed' ||
    (state.kind === 'rollingBack' && state.stuck?.kind === 'meshWriteFailed')
  );
}

/** What others wrote, without the full stop that our own sentence brings. */
function inner(text: string): string {
  return text.replace(/[.\s]+$/, '');
}

function trimmed(value: number, decimals = 2): string {
  return String(Number(value.toFixed(decimals)));
}
