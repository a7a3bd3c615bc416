import { longestWindowSeconds, meshChecksIn } from '../rollout/plan-parts.ts';
import type { MeasureRequest } from '../rollout/ports/metrics.ts';
import {
  bucketCounters,
  bucketHistory,
  type OfPods,
  requestCounters,
  requestHistory,
  stableOnly,
} from './pod-queries.ts';
import {
  latencyBuckets,
  newestSample,
  p99Latency,
  requestsAtCallers,
  requestsByCode,
  type ServiceSelector,
  seenLately,
} from './promql.ts';
import { isLongEnough } from './readings.ts';

/** What is asked of a service, or of several; `seconds` is how far back, 0 where that is always the same. */
export type Question = { kind: keyof typeof writers; seconds: number };

const writers = {
  requests: requestsByCode,
  p99: p99Latency,
  buckets: latencyBuckets,
  callers: requestsAtCallers,
  requestCounters,
  bucketCounters,
  requestHistory,
  bucketHistory,
  newest: newestSample,
  seenLately,
} satisfies Record<string, (selector: ServiceSelector, seconds: number) => string>;

/** Everything that one poll asks; what is asked of a window stands under its length in seconds. */
type OfPoll<One> = {
  requests: Map<number, One>;
  p99s: Map<number, One>;
  buckets: Map<number, One>;
  /** Null when the poll counts no increments. */
  increments: One | null;
  callers: One;
  /** What pods have counted, and stable's did before; null when nobody asks. */
  counters: OfPods<One> | null;
  history: OfPods<One> | null;
  newest: One;
  /** Sent only when neither arm has a fresh sample, or one of those whose counters are asked for. */
  seenLately: One;
};
export type Questions = OfPoll<Question>;
export type Queries = OfPoll<string>;

type Judged = Pick<MeasureRequest, 'checks' | 'incrementSeconds' | 'judged'>;

/** The questions of one poll. */
export function questionsOf(judged: Judged, scrapeSeconds: number): Questions {
  return askedBy(judged, scrapeSeconds, (question) => question);
}

/** The queries of one poll about one target, as they are shown before a rollout starts. */
export function queriesOf(
  selector: ServiceSelector,
  judged: Judged & Pick<MeasureRequest, 'target'>,
  scrapeSeconds: number,
): Queries {
  const queries = askedBy(judged, scrapeSeconds, (question) => queryFor(selector, question));
  const { history } = questionsOf(judged, scrapeSeconds);
  return { ...queries, history: history === null ? null : historyQueries(selector, judged, history) };
}

/** The queries for a target's history, which is that of its stable arm alone. */
export function historyQueries(
  selector: ServiceSelector,
  { target }: Pick<MeasureRequest, 'target'>,
  { requests, buckets }: OfPods<Question>,
): OfPods<string> {
  const stable = stableOnly(selector, target);
  return { requests: queryFor(stable, requests), buckets: queryFor(stable, buckets) };
}

/** A question in PromQL. */
export function queryFor(selector: ServiceSelector, { kind, seconds }: Question): string {
  return writers[kind](selector, seconds);
}

function askedBy<One>(
  { checks, incrementSeconds, judged }: Judged,
  scrapeSeconds: number,
  one: (question: Question) => One,
): OfPoll<One> {
  const all = Object.values(meshChecksIn(checks));
  const longest = longestWindowSeconds(checks);
  const latency = all.filter(({ metric }) => metric === 'p99LatencyMs');
  const windows = (of: typeof all, kind: Question['kind']) =>
    new Map(of.map(({ window: seconds }) => [seconds, one({ kind, seconds })] as const));
  const historySeconds = judged?.historySeconds ?? 0;
  const ofPods = (requests: Question['kind'], buckets: Question['kind'], seconds: number): OfPods<One> => {
    return { requests: one({ kind: requests, seconds }), buckets: one({ kind: buckets, seconds }) };
  };
  const asksIncrements = incrementSeconds > 0 && isLongEnough(incrementSeconds, scrapeSeconds);
  return {
    requests: new Map([...windows(all, 'requests'), [longest, one({ kind: 'requests', seconds: longest })]]),
    p99s: windows(latency, 'p99'),
    buckets: windows(latency, 'buckets'),
    increments: asksIncrements ? one({ kind: 'requests', seconds: incrementSeconds }) : null,
    callers: one({ kind: 'callers', seconds: longest }),
    counters: judged === undefined ? null : ofPods('requestCounters', 'bucketCounters', 0),
    history: historySeconds > 0 ? ofPods('requestHistory', 'bucketHistory', historySeconds) : null,
    newest: one({ kind: 'newest', seconds: 0 }),
    seenLately: one({ kind: 'seenLately', seconds: 0 }),
  };
}
