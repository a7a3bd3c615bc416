import { z } from 'zod';
import type { Baseline, Increment } from './sequential/poll.ts';

/** What the proxy of one pod has counted since it began. */
export const PodCounters = z.strictObject({
  requests: z.number(),
  errors: z.number(),
  /** Requests at or below each bound of the histogram, and then all of them; empty without a histogram. */
  atMost: z.array(z.number()),
});
export type PodCounters = z.infer<typeof PodCounters>;

/** By what tells a pod's proxy from all others: the pod's name, its instance, or both. */
export type ArmCounters = Record<string, PodCounters>;

/** The counters of both arms at one instant, each null where it was not scraped; `boundsMs` rise, without +Inf. */
export type Counters =
  | {
      kind: 'counters';
      boundsMs: number[];
      canary: ArmCounters | null;
      stable: ArmCounters | null;
      /** How one would ask the provider for them, of this target alone. */
      queries?: string[];
    }
  | { kind: 'unavailable'; why: string };

/** A pod's counters as they were last believed, and the instant in ms at which that was. */
const KnownPod = PodCounters.extend({ seenAt: z.number() });
type KnownPod = z.infer<typeof KnownPod>;

/** All pods of an arm that were seen of late. */
export const KnownArm = z.record(z.string(), KnownPod);
export type KnownArm = z.infer<typeof KnownArm>;

/** How long a pod is remembered that is not seen any more, in ms: one that comes back is not taken for a new one. */
const rememberedMs = 3_600_000;

/** Stable before the rollout, minute by minute: see `Baseline`. */
export type History = ({ kind: 'history' } & Baseline) | { kind: 'unavailable'; why: string };

/** What an arm counted since it was last looked at, and its pods as they are known from now on. */
export type Counted = {
  increment: Increment;
  known: KnownArm;
  /** False where a pod was missing, new, restarted or told of by another replica: then nobody knows how requests divided. */
  isWhole: boolean;
};

/** Requests that a pod may have had before it was first seen, whatever the others had meanwhile. */
const alwaysLikely = 100;
/** How many times as many requests as any other pod of its arm a new one may have had. */
const mostAhead = 10;

/**
 * Differences between what an arm's pods had counted when they were last seen and what they have counted now. A pod that
 * was never seen is new and counts with all it has, unless that is far more than others have had meanwhile: then it is
 * an old one that was not scraped, and counts from now on. One that is missing now counts when it is seen again. `at` is
 * in ms.
 */
export function countedSince(known: KnownArm, now: ArmCounters, at: number): Counted {
  const sum: Increment = { requests: 0, errors: 0, buckets: [] };
  const after: KnownArm = Object.fromEntries(
    Object.entries(known).filter(([pod, { seenAt }]) => !(pod in now) && at - seenAt < rememberedMs),
  );
  const pods = Object.entries(now).map(([pod, counters]) => {
    const current = { ...counters, seenAt: at };
    return { pod, current, before: known[pod], ...podIncrement(known[pod], current) };
  });
  const others = pods.filter(({ before }) => before !== undefined);
  const likely = Math.max(alwaysLikely, ...others.map(({ increment }) => mostAhead * increment.requests));
  for (const { pod, before, increment, kept } of pods) {
    const isOld = before === undefined && others.length > 0 && increment.requests > likely;
    if (!isOld) add(sum, increment);
    after[pod] = kept;
  }
  const isWhole = pods.every(({ isSteady }) => isSteady) && !misses(known, now);
  return { increment: sum, known: after, isWhole };
}

/** Whether a pod that was there the last time is not there now. */
function misses(known: KnownArm, now: ArmCounters): boolean {
  const lastSeen = Math.max(...Object.values(known).map(({ seenAt }) => seenAt));
  return Object.entries(known).some(([pod, { seenAt }]) => seenAt === lastSeen && !(pod in now));
}

type PodIncrement = { increment: Increment; kept: KnownPod; isSteady: boolean };

/**
 * What one pod counted. Fewer requests than before, and by more than half, is a proxy that began anew. A little fewer is
 * another replica of Prometheus, which scraped a moment earlier: nothing counts until it has caught up or, since a proxy
 * may also have dropped series, until some minutes are over. Other counters that fell while requests did not are series
 * that were dropped: nothing can be said of that look.
 */
function podIncrement(before: KnownPod | undefined, now: KnownPod): PodIncrement {
  if (before === undefined || now.requests < before.requests / 2)
    return { increment: sinceNothing(now), kept: now, isSteady: false };
  const isBehind = now.requests < before.requests;
  const hasDropped = now.errors < before.errors;
  if (isBehind && now.seenAt - before.seenAt < catchUpMs)
    return { increment: noIncrement, kept: before, isSteady: false };
  if (isBehind || hasDropped) return { increment: noIncrement, kept: now, isSteady: false };
  return { increment: difference(before, now), kept: now, isSteady: true };
}

/** Two replicas scrape within a minute of each other, and Prometheus shows a sample for five. */
const catchUpMs = 300_000;

const noIncrement: Increment = { requests: 0, errors: 0, buckets: [] };

function sinceNothing({ requests, errors, atMost }: PodCounters): Increment {
  return { requests, errors, buckets: inBuckets(atMost) };
}

/** A histogram whose bounds changed, or that was dropped in between, counts from the next time on. */
function difference(before: PodCounters, now: PodCounters): Increment {
  const rise = now.atMost.map((count, at) => count - (before.atMost[at] ?? 0));
  const hasSameBounds = before.atMost.length === now.atMost.length;
  return {
    requests: now.requests - before.requests,
    errors: now.errors - before.errors,
    buckets: hasSameBounds && rise.every((count) => count >= 0) ? inBuckets(rise) : [],
  };
}

/** A scrape is no snapshot: a request may be in one bucket before it is in all above, which then have it, too. */
function inBuckets(atMost: readonly number[]): number[] {
  let most = 0;
  return atMost.map((count) => {
    const before = most;
    most = Math.max(most, count);
    return most - before;
  });
}

function add(sum: Increment, { requests, errors, buckets }: Increment): void {
  sum.requests += requests;
  sum.errors += errors;
  for (let at = 0; at < buckets.length; at++) sum.buckets[at] = (sum.buckets[at] ?? 0) + (buckets[at] ?? 0);
}

/** The same counters at some of their bounds only; without a histogram where one of these is missing. */
export function atBounds(
  counters: ArmCounters,
  boundsMs: readonly number[],
  wanted: readonly number[],
): ArmCounters {
  const places = wanted.map((bound) => boundsMs.indexOf(bound));
  const lacks = places.some((place) => place < 0);
  const at = (atMost: readonly number[]) =>
    lacks || atMost.length === 0 ? [] : [...places, atMost.length - 1].map((place) => atMost[place] ?? 0);
  return Object.fromEntries(
    Object.entries(counters).map(([pod, one]) => [pod, { ...one, atMost: at(one.atMost) }]),
  );
}

/** The same history with fewer bounds: what they had in common with others. Without a histogram where it lacks one. */
export function withBounds({ boundsMs, pods }: Baseline, wanted: readonly number[]): Baseline {
  const places = wanted.map((bound) => boundsMs.indexOf(bound));
  const lacks = places.some((place) => place < 0);
  return {
    boundsMs: [...wanted],
    pods: pods.map((pod) =>
      pod.map((minute) => ({ ...minute, buckets: lacks ? [] : merged(minute.buckets, places) })),
    ),
  };
}

/** Buckets between the bounds at these places, and what is above the last one. */
function merged(buckets: readonly number[], places: readonly number[]): number[] {
  if (buckets.length === 0) return [];
  const ends = [...places.map((place) => place + 1), buckets.length];
  return ends.map((end, at) => {
    const inside = buckets.slice(at === 0 ? 0 : (ends[at - 1] ?? 0), end);
    return inside.reduce((sum, count) => sum + count, 0);
  });
}
