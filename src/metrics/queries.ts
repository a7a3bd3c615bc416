import { longestWindowSeconds } from '../rollout/plan-parts.ts';
import type { MeasureRequest } from '../rollout/ports/metrics.ts';
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
  newest: One;
  /** Sent only when neither arm has a fresh sample. */
  seenLately: One;
};
export type Questions = OfPoll<Question>;
export type Queries = OfPoll<string>;

type Judged = Pick<MeasureRequest, 'checks' | 'incrementSeconds'>;

/** The questions of one poll. */
export function questionsOf(judged: Judged, scrapeSeconds: number): Questions {
  return askedBy(judged, scrapeSeconds, (question) => question);
}

/** The queries of one poll about one target, as they are shown before a rollout starts. */
export function queriesOf(selector: ServiceSelector, judged: Judged, scrapeSeconds: number): Queries {
  return askedBy(judged, scrapeSeconds, (question) => queryFor(selector, question));
}

/** A question in PromQL. */
export function queryFor(selector: ServiceSelector, { kind, seconds }: Question): string {
  return writers[kind](selector, seconds);
}

function askedBy<One>(
  { checks, incrementSeconds }: Judged,
  scrapeSeconds: number,
  one: (question: Question) => One,
): OfPoll<One> {
  const all = Object.values(checks);
  const latency = all.filter(({ metric }) => metric === 'p99LatencyMs');
  const windows = (of: typeof all, kind: Question['kind']) =>
    new Map(of.map(({ window: seconds }) => [seconds, one({ kind, seconds })] as const));
  const asksIncrements = incrementSeconds > 0 && isLongEnough(incrementSeconds, scrapeSeconds);
  return {
    requests: windows(all, 'requests'),
    p99s: windows(latency, 'p99'),
    buckets: windows(latency, 'buckets'),
    increments: asksIncrements ? one({ kind: 'requests', seconds: incrementSeconds }) : null,
    callers: one({ kind: 'callers', seconds: longestWindowSeconds(checks) }),
    newest: one({ kind: 'newest', seconds: 0 }),
    seenLately: one({ kind: 'seenLately', seconds: 0 }),
  };
}
