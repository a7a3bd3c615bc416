import { highestBucketMs, type Step } from './plan.ts';
import type { Cause, HoldReason, PauseReason, Rollout, StuckReason } from './rollout.ts';
import type { Millis } from './units.ts';

/** `0.1234` as `12.34 %`: at most two decimals, none that say nothing. */
export function ratio(value: number): string {
  return `${trimmed(value * 100)} %`;
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

/** A measured value with its unit. */
export function measured(metric: 'errorRate' | 'p99LatencyMs', value: number): string {
  if (metric === 'errorRate') return ratio(value);
  return value > highestBucketMs ? `over ${highestBucketMs} ms` : `${Math.round(value)} ms`;
}

/** What each metric is called in sentences. */
export const metricNames = { errorRate: '5xx ratio', p99LatencyMs: 'P99 latency' } as const;

/** Why a rollout goes back, in one sentence with value, unit, limit and requests. */
export function cause(of: Cause): string {
  switch (of.kind) {
    case 'check': {
      const value = measured(of.metric, of.value);
      const stable =
        of.stable === null
          ? 'stable has too few requests to compare'
          : `stable ${measured(of.metric, of.stable)}`;
      const evidence = `${count(of.requests)} requests in ${seconds(of.windowSeconds)}, ${stable}`;
      return `${metricNames[of.metric]} of the canary was ${value}, above the limit of ${measured(of.metric, of.limit)}, ${of.failures} times in a row (check ${of.check}; ${evidence})`;
    }
    case 'severeErrors':
      return `5xx ratio of the canary was ${ratio(of.value)}, above ${ratio(of.limit)}, in two stretches in a row (${count(of.requests)} requests in the last one)`;
    case 'canaryUnreachable':
      return unreachable(of.evidence);
    case 'unattributedErrors':
      return `${ratio(of.value)} of the service's requests failed at the callers without reaching any version, above the limit of ${ratio(of.limit)}, ${of.failures} times in a row (${count(of.requests)} requests)`;
    case 'environmentLimit':
      return `check ${of.check} was above its limit on canary and stable alike for ${seconds(of.seconds)}`;
    case 'metricsMissing':
      return `there were no usable metrics for ${seconds(of.seconds)}: ${of.why}`;
    case 'deadline':
      return `the plan's deadline of ${seconds(of.seconds)} passed`;
    case 'expired':
      return `nobody ended the pause within ${seconds(of.seconds)}`;
    case 'targetMissing':
      return 'the VirtualService is gone';
    case 'operator':
      return of.reason === null ? 'a person asked for it' : `a person asked for it: ${of.reason}`;
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
      return `no usable metrics since ${timeOfDay(reason.since)}: ${reason.why}`;
    case 'noTraffic':
      return `too little traffic to judge: ${count(reason.expected)} requests to expect on the canary in the check's window, ${reason.needed} needed`;
    case 'environment':
      return `check ${reason.check} is above its limit of ${trimmed(reason.limit)} on canary (${trimmed(reason.canary)}) and stable (${trimmed(reason.stable)}) alike since ${timeOfDay(reason.since)}: the cause is not the canary`;
    case 'stableNotReady':
      return `stable has ${reason.ready} of ${reason.total} pods ready, ${reason.needed} are needed to be able to go back`;
    case 'canaryNotReady':
      return `the canary has no ready pod (0 of ${reason.total}), so it gets no traffic yet`;
    case 'meshUnavailable':
      return `the VirtualService cannot be read: ${reason.why}`;
    case 'meshWriteFailed':
      return `the weight could not be written: ${reason.why}`;
  }
}

/** Why a rollout waits for a person, in one sentence. */
export function pause(reason: PauseReason): string {
  switch (reason.kind) {
    case 'operator':
      return reason.note === null
        ? `paused by ${reason.by.name}`
        : `paused by ${reason.by.name}: ${reason.note}`;
    case 'plan':
      return 'the plan waits here for a person';
    case 'drift':
      return `somebody else moved the canary's weight from ${share(reason.expected)} to ${share(reason.found)}`;
    case 'recreated':
      return 'the VirtualService was deleted and created anew';
    case 'shapeChanged':
      return `the VirtualService was changed into a form that canaryd does not edit: ${reason.why}`;
  }
}

/** Why a rollback is not finished, in one sentence. */
export function stuck(reason: StuckReason): string {
  switch (reason.kind) {
    case 'meshWriteFailed':
      return `the weight could not be written: ${reason.why}`;
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
export function traffic({ traffic: now, target }: Rollout): string {
  const stable = `${share(100 - now.applied)} of traffic on ${target.stable.version} (stable)`;
  const split =
    now.applied === 0
      ? `all traffic on ${target.stable.version} (stable)`
      : `${share(now.applied)} of traffic on ${target.canary.version} (canary), ${stable}`;
  const all = now.applied === 100 ? `all traffic on ${target.canary.version} (canary)` : split;
  if (now.intent === null || Math.abs(now.intent.share - now.applied) < 0.005) return all;
  return `${all} when last read; ${share(now.intent.share)} for the canary is being written`;
}

function trimmed(value: number, decimals = 2): string {
  return String(Number(value.toFixed(decimals)));
}
