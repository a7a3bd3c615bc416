import type { Fact, FactName, Snapshot } from './snapshot.ts';

/** What is read of the API server of a cluster. */
export const clusterFacts = [
  'meshConfig',
  'proxyVersions',
  'namespaces',
  'virtualServices',
  'movedVirtualServices',
  'destinationRules',
  'gateways',
  'serviceEntries',
  'sidecars',
  'authorizationPolicies',
  'peerAuthentications',
  'selectors',
  'networkPolicies',
  'services',
  'endpoints',
  'pods',
  'deployments',
  'autoscalers',
  'gitOpsApplications',
  'otherCanaries',
  'serviceAccounts',
  'httpRoutes',
  'kubernetesGateways',
  'rights',
  'servedVersions',
  'rootCertificates',
  'gatewayCertificates',
] as const satisfies readonly FactName[];

/** What is asked of the metrics provider of a cluster, beside the checks of the plan. */
export const metricsFacts = [
  'provider',
  'metricLabels',
  'scrape',
  'requestSeries',
  'callers',
  'callees',
  'forbidden',
  'proxyCertificates',
  'meshCertificates',
  'throttling',
  'proxySync',
  'errorBudgets',
  'alertRules',
  'alerts',
  'silences',
] as const satisfies readonly FactName[];

/** What the API server of a cluster tells of a target's surroundings. */
export type ClusterFacts = Pick<Snapshot, (typeof clusterFacts)[number]>;

/** What the metrics provider of a cluster tells of them. */
export type MetricsFacts = Pick<Snapshot, (typeof metricsFacts)[number]>;

type Unread = Extract<Fact<never>, { kind: 'unread' }>;

/** Facts of which none was read, all for one reason. */
export function nothingRead<Name extends FactName>(
  names: readonly Name[],
  fact: Unread,
): Record<Name, Unread>;
export function nothingRead(names: readonly FactName[], fact: Unread): Record<string, Unread> {
  return Object.fromEntries(names.map((name) => [name, fact]));
}
