import type { ClusterFacts, MetricsFacts } from '../../readiness/sources.ts';
import type { PlannedBudget } from '../plan-readiness.ts';
import type { Target } from '../target.ts';
import type { Millis } from '../units.ts';

/**
 * `callees`: the namespaces of services that stable calls, whose policies matter too. `callers`: those of workloads that
 * call it, whose labels tell of their proxies, the one that calls most first.
 */
export type ClusterQuestion = {
  target: Target;
  callees: readonly string[];
  callers: readonly string[];
  wanted: ReadonlySet<keyof ClusterFacts>;
};

/** `now` is PostgreSQL's clock, against which the provider's is compared. */
export type MetricsQuestion = {
  target: Target;
  now: Millis;
  errorBudgets: readonly PlannedBudget[];
  wanted: ReadonlySet<keyof MetricsFacts>;
};

/**
 * Reads what is wanted at once, and nothing else costs a call. What could not be read, or was not asked for, says so in
 * its fact; neither ever throws for what an outside may answer.
 */
export interface Surroundings {
  ofCluster(question: ClusterQuestion, signal: AbortSignal): Promise<ClusterFacts>;
  ofMetrics(question: MetricsQuestion, signal: AbortSignal): Promise<MetricsFacts>;
}
