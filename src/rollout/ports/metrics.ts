import type { Measurements } from '../../analysis/reading.ts';
import type { Check } from '../plan-parts.ts';
import type { Target } from '../target.ts';
import type { Millis } from '../units.ts';

export type MeasureRequest = {
  target: Target;
  checks: Record<string, Check>;
  /** The instant at which every query is evaluated. */
  at: Millis;
  /** Seconds that `increments` cover, ending at `at`; 0 asks for none. */
  incrementSeconds: number;
};

/** The metrics provider. Answers, never throws: an outage is `unavailable` in every reading. */
export interface Metrics {
  /** Seconds between two scrapes in a cluster; evidence needs one more than its window. Throws for a cluster that is not configured. */
  scrapeSeconds(cluster: string): number;
  measure(request: MeasureRequest, signal: AbortSignal): Promise<Measurements>;
}
