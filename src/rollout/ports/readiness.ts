import type { Snapshot } from '../../readiness/snapshot.ts';
import type { Target } from '../target.ts';
import type { Millis } from '../units.ts';

/** What the API server of a cluster tells of a target's surroundings. */
export type ClusterFacts = Pick<
  Snapshot,
  | 'meshConfig'
  | 'proxyVersions'
  | 'namespaces'
  | 'virtualServices'
  | 'destinationRules'
  | 'gateways'
  | 'serviceEntries'
  | 'sidecars'
  | 'authorizationPolicies'
  | 'peerAuthentications'
  | 'selectors'
  | 'networkPolicies'
  | 'services'
  | 'endpoints'
  | 'pods'
  | 'deployments'
  | 'autoscalers'
  | 'gitOpsApplications'
  | 'otherCanaries'
  | 'rights'
  | 'servedVersions'
  | 'rootCertificates'
  | 'gatewayCertificates'
>;

/** What the metrics provider of a cluster tells of it, beside the checks of the plan. */
export type MetricsFacts = Pick<
  Snapshot,
  | 'provider'
  | 'metricLabels'
  | 'scrape'
  | 'requestSeries'
  | 'callers'
  | 'callees'
  | 'forbidden'
  | 'proxyCertificates'
  | 'meshCertificates'
  | 'throttling'
  | 'alertRules'
  | 'alerts'
  | 'silences'
>;

/** Reads all of it at once. What cannot be read says so in its fact; neither ever throws for what an outside may answer. */
export interface Surroundings {
  /** `callees`: the namespaces of services that stable calls, whose policies matter too. */
  ofCluster(target: Target, callees: readonly string[], signal: AbortSignal): Promise<ClusterFacts>;
  /** `now` is PostgreSQL's clock, against which the provider's is compared. */
  ofMetrics(target: Target, now: Millis, signal: AbortSignal): Promise<MetricsFacts>;
}
