import type { Measurements } from '../../analysis/reading.ts';
import type { CheckTemplates } from '../check-template.ts';
import type { Check } from '../plan-parts.ts';
import type { Target } from '../target.ts';
import type { Millis } from '../units.ts';

export type MeasureRequest = {
  target: Target;
  checks: Record<string, Check>;
  /** The instant at which every query is evaluated: on the grid of `pollInstant`, which others share. */
  at: Millis;
  /** Seconds that `increments` cover, ending at `at`; 0 asks for none. */
  incrementSeconds: number;
  /**
   * True when the canary may get copies of requests: its own proxy counts them like any other, so that requests are
   * counted by those who send them.
   */
  mirrored: boolean;
  /** For the sequential judge: its counters, and so many seconds of stable's history, 0 for none; absent for none of it. */
  judged?: { historySeconds: number };
};

/** A query in the provider's own language, and what the guards ask it for. */
export type ShownQuery = {
  /** `value` of an error rate counts its requests as well. */
  purpose:
    | 'value'
    | 'requests'
    | 'buckets'
    | 'callers'
    | 'freshness'
    | 'clock'
    | 'increments'
    | 'counters'
    | 'history';
  query: string;
};

/** What is known of a service before it is rolled out, and how it is going to be asked. */
export type MetricsSurvey = {
  /** What a poll finds now; with it come stable's values, each over the window of its check. */
  measurements: Measurements;
  checks: Record<
    string,
    {
      /**
       * For this service alone. A poll asks for all services of a namespace at once, and finds the same figures. None when the target's names may not be put into a query.
       */
      queries: ShownQuery[];
      /** The finite bounds of stable's latency histogram in ms, rising; null for what has none, or shows none. */
      boundsMs: number[] | null;
      /** The same histogram: stable's requests in each bucket over the check's window, the last above every bound. */
      stableHistogram: { boundsMs: number[]; counts: number[] } | null;
    }
  >;
  /** What a poll asks beside the checks: lost requests, the age of the data, and sudden errors. */
  guards: ShownQuery[];
  /** Whose proxies time the requests, and so carry the histogram. */
  latencyFrom: 'service' | 'callers';
};

/** The metrics provider. Answers, never throws: an outage is `unavailable` in every reading. */
export interface Metrics {
  /** Seconds between two scrapes in a cluster; evidence needs one more than its window. Throws for a cluster that is not configured. */
  scrapeSeconds(cluster: string): number;
  /** What custom checks may ask for. */
  readonly checkTemplates: CheckTemplates;
  measure(request: MeasureRequest, signal: AbortSignal): Promise<Measurements>;
  /** The same poll with its queries, for those who want to see it before a rollout starts; it leaves no trace. */
  survey(request: MeasureRequest, signal: AbortSignal): Promise<MetricsSurvey>;
}
