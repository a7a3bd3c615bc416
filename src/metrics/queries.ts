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

/** Everything that one poll asks; queries of a window stand under its length in seconds. */
export type Queries = {
  requests: Map<number, string>;
  p99s: Map<number, string>;
  buckets: Map<number, string>;
  /** Null when the poll counts no increments. */
  increments: string | null;
  callers: string;
  newest: string;
  /** Sent only when neither arm has a fresh sample. */
  seenLately: string;
};

/** The queries of one poll, as they are sent and as they are shown before a rollout starts. */
export function queriesOf(
  selector: ServiceSelector,
  { checks, incrementSeconds }: Pick<MeasureRequest, 'checks' | 'incrementSeconds'>,
  scrapeSeconds: number,
): Queries {
  const all = Object.values(checks);
  const latency = all.filter(({ metric }) => metric === 'p99LatencyMs');
  const windows = (of: typeof all, query: (seconds: number) => string) =>
    new Map(of.map(({ window }) => [window, query(window)] as const));
  const asksIncrements = incrementSeconds > 0 && isLongEnough(incrementSeconds, scrapeSeconds);
  return {
    requests: windows(all, (seconds) => requestsByCode(selector, seconds)),
    p99s: windows(latency, (seconds) => p99Latency(selector, seconds)),
    buckets: windows(latency, (seconds) => latencyBuckets(selector, seconds)),
    increments: asksIncrements ? requestsByCode(selector, incrementSeconds) : null,
    callers: requestsAtCallers(selector, longestWindowSeconds(checks)),
    newest: newestSample(selector),
    seenLately: seenLately(selector),
  };
}
