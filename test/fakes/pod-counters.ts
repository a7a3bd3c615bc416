import type { ArmCounters, Counters, History } from '../../src/analysis/counters.ts';
import { longestWindowSeconds } from '../../src/rollout/plan-parts.ts';
import type { MeasureRequest } from '../../src/rollout/ports/metrics.ts';
import type { Arm } from '../../src/rollout/target.ts';
import type { ArmTraffic } from './arm-traffic.ts';

type Serving = Extract<ArmTraffic, { kind: 'serving' }>;
/** What the proxies of one arm have counted by an instant. */
type Total = { at: number; requests: number; errors: number; atMost: number[] };
type Arms<One> = { canary: One; stable: One };

/** The finite bounds of every histogram, in ms. */
export const boundsMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000,
];
/** Pods of stable in its history. */
const podsOfStable = 3;
/** The part of requests that are as long as the P99; all others are shorter by a bucket. */
const slowPart = 0.02;

export type PodsCounting = {
  /** What the arms have counted by the instant of the request, and what came since the one before. */
  counters(request: MeasureRequest, arms: Arms<ArmTraffic>, share: number): Counters;
};

/** Counters of pods that rise with time, as the traffic is at each poll; each arm has one pod. */
export function podsCounting(): PodsCounting {
  const totals = new Map<string, Total>();
  const ofArm = (arm: Arm, traffic: ArmTraffic, at: number, rise: Rise | null): ArmCounters | null => {
    const name = `${arm.service.namespace}/${arm.service.name} ${arm.version}`;
    const known = totals.get(name);
    if (traffic.kind !== 'serving' || rise === null) return known === undefined ? {} : null;
    const total = risen(known ?? nothingAt(at), at, rise);
    totals.set(name, total);
    const { requests, errors, atMost } = total;
    const counted = {
      requests: Math.round(requests),
      errors: Math.round(errors),
      atMost: atMost.map(Math.round),
    };
    return { [`${arm.version}-pod`]: counted };
  };
  return {
    counters: (request, arms, share) => {
      const unavailable = Object.values(arms).find(({ kind }) => kind === 'unavailable');
      if (unavailable?.kind === 'unavailable') return unavailable;
      const { target, at } = request;
      const rises = risesOf(request, arms, share);
      return {
        kind: 'counters',
        boundsMs,
        canary: ofArm(target.canary, arms.canary, at, rises.canary),
        stable: ofArm(target.stable, arms.stable, at, rises.stable),
      };
    },
  };
}

/** What is counted in a second. */
type Rise = { requests: number; errorRatio: number; p99Ms: number };

function risesOf(
  request: MeasureRequest,
  { canary, stable }: Arms<ArmTraffic>,
  share: number,
): Arms<Rise | null> {
  const [one, other] = [canary, stable].map((traffic) =>
    traffic.kind === 'serving' ? riseOf(request, traffic) : null,
  );
  if (!one || !other || one.requests === 0 || share === 0)
    return { canary: one ?? null, stable: other ?? null };
  return { canary: one, stable: { ...other, requests: (one.requests * (100 - share)) / share } };
}

function riseOf({ checks }: MeasureRequest, { requests, errorRatio, p99Ms }: Serving): Rise {
  const seconds = Object.keys(checks).length === 0 ? 60 : longestWindowSeconds(checks);
  return { requests: requests / seconds, errorRatio, p99Ms };
}

function nothingAt(at: number): Total {
  return { at, requests: 0, errors: 0, atMost: [...boundsMs, 0].map(() => 0) };
}

function risen(total: Total, at: number, { requests, errorRatio, p99Ms }: Rise): Total {
  const more = (requests * Math.max(0, at - total.at)) / 1000;
  const parts = partsAtMost(p99Ms);
  return {
    at: Math.max(at, total.at),
    requests: total.requests + more,
    errors: total.errors + more * errorRatio,
    atMost: total.atMost.map((count, bound) => count + more * (parts[bound] ?? 1)),
  };
}

/** The part of all requests at or below each bound, and then all of them. */
function partsAtMost(p99Ms: number): number[] {
  const lowerMs = boundsMs.findLast((bound) => bound < p99Ms) ?? 0;
  const parts = boundsMs.map((bound) => {
    if (bound >= p99Ms) return 1;
    return bound === lowerMs ? 1 - slowPart : 0;
  });
  return [...parts, 1];
}

/** Stable's traffic of now, in each minute of its history and divided evenly among its pods. */
export function steadyHistory(request: MeasureRequest, stable: ArmTraffic): History {
  if (stable.kind === 'unavailable') return stable;
  if (stable.kind === 'none') return { kind: 'history', boundsMs, pods: [] };
  const { requests, errorRatio, p99Ms } = riseOf(request, stable);
  const counted = (requests * 60) / podsOfStable;
  const parts = partsAtMost(p99Ms);
  const minute = {
    requests: counted,
    errors: counted * errorRatio,
    buckets: parts.map((part, at) => counted * (part - (parts[at - 1] ?? 0))),
  };
  const minutes = Math.floor((request.judged?.historySeconds ?? 0) / 60);
  const pod = Array.from({ length: minutes }, () => minute);
  return { kind: 'history', boundsMs, pods: Array.from({ length: podsOfStable }, () => pod) };
}
