import type { Target } from '../rollout/target.ts';
import { duration, durationBucket, eachArm, requestsTotal, type ServiceSelector } from './promql.ts';
import { answerLabels } from './server-errors.ts';

/** The same of the counters of requests, and of those of latency. */
export type OfPods<One> = { requests: One; buckets: One };

const podLabels = 'pod, instance';

/**
 * What each pod's proxy has counted since it began, one row for each arm, pod and way to end. Whoever takes differences
 * of these sees every request, while `increase` guesses what came before the first sample of a series and loses the
 * rest: https://github.com/prometheus/prometheus/issues/3886
 */
export function requestCounters(selector: ServiceSelector): string {
  const by = `sum by (${selector.armLabels}, ${podLabels}, ${answerLabels})`;
  return eachArm(selector, (matchers) => `${by} (${requestsTotal}{${matchers}})`);
}

/** The same for latency: one row for each arm, pod and `le`. */
export function bucketCounters(selector: ServiceSelector): string {
  const by = `sum by (${selector.armLabels}, ${podLabels}, le)`;
  return eachArm(selector, (matchers) => `${by} (${durationBucket}{${matchers}})`);
}

/** What `requestCounters` says at each full minute of the last `seconds`. */
export function requestHistory(selector: ServiceSelector, seconds: number): string {
  return eachMinute(requestCounters(selector), seconds);
}

/** What `bucketCounters` says at each full minute of the last `seconds`. */
export function bucketHistory(selector: ServiceSelector, seconds: number): string {
  return eachMinute(bucketCounters(selector), seconds);
}

/** A subquery's steps lie on multiples of its step: https://prometheus.io/docs/prometheus/latest/querying/basics/#subquery */
function eachMinute(query: string, seconds: number): string {
  return `(${query})[${duration(seconds)}:60s]`;
}

/** Selects the counters of a target's stable arm alone. */
export function stableOnly(selector: ServiceSelector, { stable }: Pick<Target, 'stable'>): ServiceSelector {
  const [first] = selector.arms;
  if (first === undefined) return selector;
  const arms = selector.split === 'services' ? [first] : [{ ...first, version: stable.version }];
  return { ...selector, arms };
}
