import type { Fact } from '../readiness/snapshot.ts';
import type { ClusterFacts } from '../readiness/sources.ts';
import { withCallers } from './caller-namespaces.ts';
import { readGatewayCertificates } from './gateway-certificates.ts';
import { withDeployments } from './gateway-facts.ts';
import { istiodVersion } from './istiod-version.ts';
import { type Asking, listAmong, listEverywhere } from './list-facts.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import { readMoved } from './moved-objects.ts';
import { readRootCertificates } from './root-certificates.ts';
import { readServiceAccounts } from './service-accounts.ts';
import { readRights } from './surrounding-rights.ts';
import { kinds, otherCanaries, selecting } from './surroundings-kinds.ts';
import type { Reading } from './surroundings-reading.ts';
import { mends, unread } from './surroundings-words.ts';

type Readers = { [Name in keyof ClusterFacts]: (reading: Reading) => Promise<ClusterFacts[Name]> };

const none = { deployments: [], gaps: [] };

/** How each fact is read. None asks for more than its own, but for what the reading has in common. */
export const readers: Readers = {
  meshConfig: ({ meshConfig }) => meshConfig(),
  proxyVersions: async ({ istiods }) => istiodVersion(await istiods()),
  namespaces: async ({ known, namespace, question }) =>
    withCallers(await known(), question.callers, namespace),

  // What somebody may have written for the target in any namespace.
  virtualServices: ({ virtualServices }) => virtualServices(),
  movedVirtualServices: ({ asking, question }) => readMoved(asking, question.target),
  destinationRules: ({ asking, known }) => listEverywhere(asking, kinds.destinationRules, known),
  gateways: ({ gateways }) => gateways(),
  serviceEntries: ({ asking, known }) => listEverywhere(asking, kinds.serviceEntries, known),
  sidecars: ({ asking, known }) => listEverywhere(asking, kinds.sidecars, known),
  httpRoutes: ({ asking, known }) => listEverywhere(asking, kinds.httpRoutes, known),
  kubernetesGateways: ({ asking, known }) => listEverywhere(asking, kinds.kubernetesGateways, known),
  gitOpsApplications: ({ asking, known }) =>
    // Where Argo CD is installed unless somebody says otherwise.
    listEverywhere(asking, kinds.applications, async () => [...(await known()), 'argocd']),
  otherCanaries: async ({ asking, known }) =>
    mergeFacts(await Promise.all(otherCanaries.map((one) => listEverywhere(asking, one, known)))),

  authorizationPolicies: ({ authorizationPolicies }) => authorizationPolicies(),
  peerAuthentications: async ({ asking, withRoot }) =>
    listAmong(asking, kinds.peerAuthentications, await withRoot()),
  selectors: async ({ asking, withRoot }) => {
    const namespaces = await withRoot();
    return mergeFacts(await Promise.all(selecting.map((one) => listAmong(asking, one, namespaces))));
  },
  networkPolicies: ({ asking, services }) => listAmong(asking, kinds.networkPolicies, services),
  serviceAccounts: async ({ asking, withRoot, authorizationPolicies }) =>
    readServiceAccounts(asking, await withRoot(), await authorizationPolicies()),

  services: ({ asking, services }) => listAmong(asking, kinds.services, services),
  endpoints: ({ asking, services }) => listAmong(asking, kinds.endpoints, services),
  pods: ({ pods }) => pods(),
  deployments: async ({ asking, services, question, deploymentsBehindGateways }) => {
    const own = listAmong(asking, kinds.deployments, services);
    // Who does not ask for the Gateways does not judge their pods.
    const others = question.wanted.has('gateways') ? deploymentsBehindGateways() : none;
    return withDeployments(await own, await others);
  },
  autoscalers: ({ asking, services }) => listAmong(asking, kinds.autoscalers, services),

  rights: ({ asking, question }) => readRights(asking, question.target),
  servedVersions: ({ asking }) => readVersions(asking),
  rootCertificates: ({ asking, services, istiodNamespace }) =>
    readRootCertificates(asking, services, istiodNamespace),
  gatewayCertificates: async ({ asking, gateways, deploymentsBehindGateways }) =>
    readGatewayCertificates(asking, await gateways(), deploymentsBehindGateways),
};

async function readVersions({ kube, signal }: Asking): Promise<Fact<string[]>> {
  const { group } = kinds.virtualServices;
  const read = await kube.listVersions(group, signal);
  if (read.kind === 'unavailable')
    return unread(`the versions of ${group} could not be listed: ${read.why}`, mends[read.reason]);
  return readFact(read.kind === 'missing' ? [] : read.value);
}
