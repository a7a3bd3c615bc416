import { setMaxListeners } from 'node:events';
import type { Fact } from '../readiness/snapshot.ts';
import type { ClusterFacts, Surroundings } from '../rollout/ports/readiness.ts';
import { objectsOf, type Target } from '../rollout/target.ts';
import { unavailable } from './api-answer.ts';
import { atMost, type Limit } from './at-most.ts';
import { gatewayCertificates, withGatewayPods } from './gateway-facts.ts';
import { istiodVersion } from './istiod-version.ts';
import { type Asking, listAmong, listEverywhere, listLabelled, type SurroundingsKube } from './list-facts.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import { type Installation, readMeshConfig } from './mesh-config.ts';
import { readNamespaces } from './read-namespaces.ts';
import { readRootCertificates } from './root-certificates.ts';
import { readRights } from './surrounding-rights.ts';
import { kinds, otherCanaries, selecting } from './surroundings-kinds.ts';
import { mends, unread } from './surroundings-words.ts';

/** One cluster, and where the mesh is installed in it. */
export type SurroundingsSource = Installation & { kube: SurroundingsKube };

/** An API server that many rollouts ask at once has others to serve. */
const mostCalls = 8;

/** Of these for all that is no turn: however many people ask, a raise finds the others free. */
const mostForReaders = 4;

/** Who reads: turns, or whoever asks the API. */
export type Reader = 'turns' | 'readers';

/**
 * Reads the surroundings of targets in one cluster, however many at once, with a few calls at a time: turns may have all
 * of them, others some. A call that still waits when its signal aborts is not made, and is answered as late.
 */
export function surroundingsOf({
  kube,
  ...installation
}: SurroundingsSource): Record<Reader, Surroundings['ofCluster']> {
  const all = atMost(mostCalls);
  const some = atMost(mostForReaders);
  const within =
    (limit: Limit): Surroundings['ofCluster'] =>
    (target, callees, deadline) => {
      // All calls of a reading share a deadline, and Node warns of more than ten listeners to one signal as of a leak.
      const signal = AbortSignal.any([deadline]);
      setMaxListeners(0, signal);
      return readSurroundings({ ...installation, kube: limited(kube, limit) }, target, callees, signal);
    };
  return {
    turns: within(all),
    readers: within((signal, task) => some(signal, () => all(signal, task))),
  };
}

const late = unavailable('timeout', 'the time for the call was up');

function limited(kube: SurroundingsKube, limit: Limit): SurroundingsKube {
  const inTurn = async <Answer>(signal: AbortSignal, call: () => Promise<Answer>) =>
    (await limit(signal, call)) ?? late;
  return {
    listObjects: (asked, item, signal) => inTurn(signal, () => kube.listObjects(asked, item, signal)),
    readObject: (asked, item, signal) => inTurn(signal, () => kube.readObject(asked, item, signal)),
    listVersions: (group, signal) => inTurn(signal, () => kube.listVersions(group, signal)),
    mayDo: (right, signal) => inTurn(signal, () => kube.mayDo(right, signal)),
  };
}

/**
 * What the API server tells of a target's surroundings. Never fails: what could not be read, or not before `signal`
 * aborted, says so in its fact.
 * @param callees namespaces of services that stable calls
 */
export async function readSurroundings(
  { kube, ...installation }: SurroundingsSource,
  target: Target,
  callees: readonly string[],
  signal: AbortSignal,
): Promise<ClusterFacts> {
  const moved = objectsOf(target).map(
    ({ namespace, virtualService }) => `VirtualService ${namespace}/${virtualService}`,
  );
  const asking: Asking = { kube, signal, inFull: new Set(moved) };
  const meshConfig = await readMeshConfig(asking, installation);
  const root = meshConfig.kind === 'read' ? meshConfig.value.rootNamespace : installation.rootNamespace;
  const places = placesOf(target, callees, root);
  const [everywhere, around, atServices, own] = await Promise.all([
    readEverywhere(asking, places),
    readPolicies(asking, places),
    readAtServices(asking, places),
    readOwn(asking, target, places, installation),
  ]);
  const deployments = await withGatewayPods(asking, atServices.deployments, everywhere.gateways);
  return {
    meshConfig,
    ...everywhere,
    ...around,
    ...atServices,
    deployments,
    ...own,
    gatewayCertificates: gatewayCertificates(everywhere.gateways),
  };
}

/** Namespaces, each once. `known` are all of them. */
type Places = { services: string[]; withRoot: string[]; withCallees: string[]; known: string[] };

function placesOf(target: Target, callees: readonly string[], root: string): Places {
  const services = distinct([target.stable, target.canary].map(({ service }) => service.namespace));
  const routes = objectsOf(target).map(({ namespace }) => namespace);
  return {
    services,
    withRoot: distinct([...services, root]),
    withCallees: distinct([...services, ...callees, root]),
    known: distinct([...routes, ...services, ...callees, root]),
  };
}

function distinct(names: readonly string[]): string[] {
  return [...new Set(names)];
}

/** What somebody may have written for the target in any namespace. */
async function readEverywhere(asking: Asking, { known }: Places) {
  const [virtualServices, destinationRules, gateways, serviceEntries, sidecars] = await Promise.all([
    listEverywhere(asking, kinds.virtualServices, known),
    listEverywhere(asking, kinds.destinationRules, known),
    listEverywhere(asking, kinds.gateways, known),
    listEverywhere(asking, kinds.serviceEntries, known),
    listEverywhere(asking, kinds.sidecars, known),
  ]);
  const [gitOpsApplications, ...canaries] = await Promise.all([
    // Where Argo CD is installed unless somebody says otherwise.
    listEverywhere(asking, kinds.applications, [...known, 'argocd']),
    ...otherCanaries.map((one) => listEverywhere(asking, one, known)),
  ]);
  const found = { virtualServices, destinationRules, gateways, serviceEntries, sidecars };
  return { ...found, gitOpsApplications, otherCanaries: mergeFacts(canaries) };
}

async function readPolicies(asking: Asking, { services, withRoot, withCallees }: Places) {
  const [authorizationPolicies, peerAuthentications, networkPolicies, ...selectors] = await Promise.all([
    listAmong(asking, kinds.authorizationPolicies, withCallees),
    listAmong(asking, kinds.peerAuthentications, withRoot),
    listAmong(asking, kinds.networkPolicies, services),
    ...selecting.map((one) => listAmong(asking, one, withRoot)),
  ]);
  return {
    authorizationPolicies,
    peerAuthentications,
    networkPolicies,
    selectors: mergeFacts(selectors),
  };
}

async function readAtServices(asking: Asking, { services: namespaces }: Places) {
  const [services, endpoints, pods, deployments, autoscalers] = await Promise.all([
    listAmong(asking, kinds.services, namespaces),
    listAmong(asking, kinds.endpoints, namespaces),
    listAmong(asking, kinds.pods, namespaces),
    listAmong(asking, kinds.deployments, namespaces),
    listAmong(asking, kinds.autoscalers, namespaces),
  ]);
  return { services, endpoints, pods, deployments, autoscalers };
}

async function readOwn(
  asking: Asking,
  target: Target,
  { known, services }: Places,
  { rootNamespace: namespace }: Installation,
) {
  const [istiods, servedVersions, namespaces, rights, rootCertificates] = await Promise.all([
    listLabelled(asking, kinds.deployments, { namespace, labels: 'app=istiod' }),
    readVersions(asking),
    readNamespaces(asking, known),
    readRights(asking, target),
    readRootCertificates(asking, services),
  ]);
  return { proxyVersions: istiodVersion(istiods), servedVersions, namespaces, rights, rootCertificates };
}

async function readVersions({ kube, signal }: Asking): Promise<Fact<string[]>> {
  const { group } = kinds.virtualServices;
  const read = await kube.listVersions(group, signal);
  if (read.kind === 'unavailable')
    return unread(`the versions of ${group} could not be listed: ${read.why}`, mends[read.reason]);
  return readFact(read.kind === 'missing' ? [] : read.value);
}

/** The facts of a cluster of which nothing can be read. */
export function noSurroundings(why: string, mend: string): ClusterFacts {
  const fact = unread(why, mend);
  return {
    meshConfig: fact,
    proxyVersions: fact,
    namespaces: fact,
    virtualServices: fact,
    destinationRules: fact,
    gateways: fact,
    serviceEntries: fact,
    sidecars: fact,
    authorizationPolicies: fact,
    peerAuthentications: fact,
    selectors: fact,
    networkPolicies: fact,
    services: fact,
    endpoints: fact,
    pods: fact,
    deployments: fact,
    autoscalers: fact,
    gitOpsApplications: fact,
    otherCanaries: fact,
    rights: fact,
    servedVersions: fact,
    rootCertificates: fact,
    gatewayCertificates: fact,
  };
}
