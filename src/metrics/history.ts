import { countedSince, type History, type KnownArm, type PodCounters } from '../analysis/counters.ts';
import type { Increment } from '../analysis/sequential/poll.ts';
import type { MeasureRequest } from '../rollout/ports/metrics.ts';
import type { Row, Series, SeriesAnswer } from './answer.ts';
import { commonBounds, countsAtMost, podOf, whyUnusable, withAnswers, withBucket } from './counters.ts';
import { armOf, type Freshness } from './freshness.ts';
import type { OfPods } from './pod-queries.ts';

const minuteSeconds = 60;

/** What one pod had counted by a minute. */
type Moment = { requests: number; errors: number; buckets: Map<number, number> };
/** By the number of the minute, in which both are counted from the first minute that any pod has. */
type Pod = Map<number, Moment>;

/**
 * What stable's pods counted minute by minute, each minute with the same index in each pod. A pod counts from where it
 * is first seen: it may be old and only not have been scraped before. What came while a pod was not scraped is divided
 * among the minutes that this took, which would else look like noise.
 */
export function historyFrom(
  request: MeasureRequest,
  { freshness, history }: { freshness: Freshness; history: OfPods<SeriesAnswer> },
): History {
  if (freshness.kind === 'unavailable') return freshness;
  const { requests, buckets } = history;
  if (requests.kind === 'failed') return { kind: 'unavailable', why: requests.why };
  if (buckets.kind === 'failed') return { kind: 'unavailable', why: buckets.why };
  const [counted, timed] = [requests.series, buckets.series].map((series) => rowsOf(request, series));
  const wrong = whyUnusable(request, [...(counted ?? []), ...(timed ?? [])]);
  if (wrong !== null) return wrong;
  const pods = [...podsFrom(counted ?? [], timed ?? []).values()];
  const histograms = pods.flatMap((pod) => [...pod.values()].map((moment) => moment.buckets));
  const boundsMs = commonBounds(histograms);
  return { kind: 'history', boundsMs, pods: pods.map((pod) => minutesOf(pod, boundsMs)) };
}

/** A sample of a series, and when it was. */
type TimedRow = Row & { minute: number };

function rowsOf(request: MeasureRequest, series: Series[]): TimedRow[] {
  const ofStable = series.filter(({ labels }) => armOf(request, { labels, value: 0 }) === 'stable');
  return ofStable.flatMap(({ labels, points }) =>
    points.map(([seconds, value]) => ({ labels, value, minute: Math.round(seconds / minuteSeconds) })),
  );
}

function podsFrom(counted: TimedRow[], timed: TimedRow[]): Map<string, Pod> {
  const first = counted.reduce((least, { minute }) => Math.min(least, minute), Number.POSITIVE_INFINITY);
  const pods = new Map<string, Pod>();
  for (const row of counted) {
    const name = podOf(row) ?? '';
    const pod: Pod = pods.get(name) ?? new Map();
    const moment = pod.get(row.minute - first) ?? { requests: 0, errors: 0, buckets: new Map() };
    pods.set(name, pod.set(row.minute - first, withAnswers(moment, row)));
  }
  for (const row of timed) {
    const moment = pods.get(podOf(row) ?? '')?.get(row.minute - first);
    if (moment !== undefined) withBucket(moment.buckets, row);
  }
  return pods;
}

function minutesOf(pod: Pod, boundsMs: number[]): Increment[] {
  const minutes: Increment[] = [];
  let known: KnownArm = {};
  let last: number | null = null;
  for (const [minute, { requests, errors, buckets }] of [...pod].sort(([one], [other]) => one - other)) {
    const now: PodCounters = { requests, errors, atMost: countsAtMost(buckets, boundsMs) };
    const counted = countedSince(known, { pod: now }, minute * minuteSeconds * 1000);
    known = counted.known;
    const share = last === null ? [] : divided(counted.increment, minute - last);
    while (minutes.length < minute - share.length) minutes.push(nothing);
    minutes.push(...share);
    last = minute;
  }
  return minutes;
}

const nothing: Increment = { requests: 0, errors: 0, buckets: [] };

function divided({ requests, errors, buckets }: Increment, among: number): Increment[] {
  const part = {
    requests: requests / among,
    errors: errors / among,
    buckets: buckets.map((count) => count / among),
  };
  return Array.from({ length: among }, () => part);
}
