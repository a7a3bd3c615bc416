import type { ClusterFacts, MetricsFacts, Surroundings } from '../../src/rollout/ports/readiness.ts';
import { healthy } from '../readiness/healthy.ts';

/** Surroundings that a test sets: those of a bank's namespace in which all is well, but for what it changes. */
export function surroundingsOf(changes: Partial<ClusterFacts & MetricsFacts> = {}): Surroundings {
  const facts = { ...healthy(), ...changes };
  return {
    ofCluster: () => Promise.resolve(filled<ClusterFacts>(darkCluster, facts)),
    ofMetrics: () => Promise.resolve(filled<MetricsFacts>(darkMetrics, facts)),
  };
}

/** The facts that `of` names, as they stand in all facts. */
function filled<Facts extends object>(of: Facts, all: Facts): Facts {
  const entries = Object.entries(all).filter(([name]) => name in of);
  return { ...of, ...Object.fromEntries(entries) };
}

const unread = {
  kind: 'unread' as const,
  why: 'canaryd may not read it',
  mend: 'give it the Role canaryd-read',
};

/** Surroundings of which nothing may be read, so that nothing about them is known. */
export function darkSurroundings(): Surroundings {
  return {
    ofCluster: () => Promise.resolve(darkCluster),
    ofMetrics: () => Promise.resolve(darkMetrics),
  };
}

const darkCluster: ClusterFacts = {
  servedVersions: unread,
  meshConfig: unread,
  proxyVersions: unread,
  namespaces: unread,
  virtualServices: unread,
  destinationRules: unread,
  gateways: unread,
  serviceEntries: unread,
  sidecars: unread,
  authorizationPolicies: unread,
  peerAuthentications: unread,
  selectors: unread,
  networkPolicies: unread,
  services: unread,
  endpoints: unread,
  pods: unread,
  deployments: unread,
  autoscalers: unread,
  gitOpsApplications: unread,
  otherCanaries: unread,
  rights: unread,
  rootCertificates: unread,
  gatewayCertificates: unread,
};

const darkMetrics: MetricsFacts = {
  provider: unread,
  metricLabels: unread,
  scrape: unread,
  requestSeries: unread,
  callers: unread,
  callees: unread,
  forbidden: unread,
  proxyCertificates: unread,
  meshCertificates: unread,
  throttling: unread,
  alertRules: unread,
  alerts: unread,
  silences: unread,
};
