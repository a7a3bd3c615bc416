import type { OtherRoutes, Unread } from '../rollout/ports/other-routes.ts';
import { objectsOf, type Target } from '../rollout/target.ts';
import type { AllWays, ListedWays } from './all-ways.ts';
import type { DestinationRule, Pod } from './cluster-objects.ts';
import type { Cluster } from './find-target.ts';
import { qualifyHost } from './host.ts';
import type { KubeRead } from './kube.ts';
import { type Behind, otherRoutesOf, servicesToAsk } from './other-routes.ts';
import type { Ways } from './ways.ts';
import { servingPods } from './workload.ts';

/** Each costs a call. */
const mostServices = 20;

/**
 * What sends requests to the canary beside the weights that are moved. Where the list of all VirtualServices is
 * forbidden, the namespaces of the rollout are read one by one. Never fails: what could not be read, or not before
 * `signal` aborted, is told of in `unknown`.
 */
export async function findOtherRoutes(
  cluster: Cluster & { allWays: AllWays },
  target: Target,
  signal: AbortSignal,
): Promise<OtherRoutes> {
  const { kube, clusterDomain, allWays } = cluster;
  const { canary } = target;
  const { namespace } = canary.service;
  const [objects, rules, pods] = await Promise.all([
    readObjects(allWays, target, signal),
    kube.listDestinationRules(namespace, signal),
    canary.podLabels === null ? noPods : kube.listPods(namespace, canary.podLabels, signal),
  ]);
  const services = canary.podLabels === null ? [] : servicesToAsk(objects.found, canary, clusterDomain);
  const selectors = await readSelectors(cluster, services.slice(0, mostServices), signal);
  const labels = pods.kind === 'found' ? servingPods(pods.value, {}).map((pod) => pod.metadata.labels) : [];
  const behind: Behind = {
    pods: labels.length > 0 ? labels.map((one) => one ?? {}) : [canary.podLabels ?? []].flat(),
    selectors,
    subsets: rules.kind === 'found' ? subsetsIn(rules.value, clusterDomain) : null,
  };
  const left = services.length - selectors.size;
  const unasked =
    left > 0 ? [{ namespace, why: `${left} services that routes name were not looked up` }] : [];
  return otherRoutesOf(objects.found, canary, behind, {
    unknown: [...objects.unknown, ...unasked],
    isComplete: objects.unknown.length === 0,
  });
}

const noPods: KubeRead<Pod[]> = { kind: 'found', value: [] };

type Objects = { found: Ways[]; unknown: Unread[] };

async function readObjects(allWays: AllWays, target: Target, signal: AbortSignal): Promise<Objects> {
  const all = await allWays(null, signal);
  if (all.failure?.reason !== 'forbidden') return told(all, null);
  const own = [
    ...objectsOf(target).map(({ namespace }) => namespace),
    target.stable.service.namespace,
    target.canary.service.namespace,
  ];
  const names = [...new Set(own)];
  const read = await Promise.all(names.map(async (one) => told(await allWays(one, signal), one)));
  const why = `only the VirtualServices of ${names.join(', ')} were listed: ${all.failure.why}`;
  return {
    found: read.flatMap(({ found }) => found),
    unknown: [{ namespace: null, why }, ...read.flatMap(({ unknown }) => unknown)],
  };
}

function told({ found, failure }: ListedWays, namespace: string | null): Objects {
  if (failure === null) return { found, unknown: [] };
  return { found, unknown: [{ namespace, why: `the VirtualServices could not be listed: ${failure.why}` }] };
}

type Labels = Record<string, string>;

async function readSelectors(
  { kube, clusterDomain }: Cluster,
  services: Target['canary']['service'][],
  signal: AbortSignal,
): Promise<Map<string, Labels | null>> {
  const reads = services.map(async (service) => {
    const host = `${service.name}.${service.namespace}.svc.${clusterDomain}`;
    return [host, selectorIn(await kube.readService(service, signal))] as const;
  });
  return new Map(await Promise.all(reads));
}

/** What is not there, and what has no selector, selects nothing; null when it could not be read. */
function selectorIn(read: KubeRead<{ spec: { selector?: Labels | undefined } }>): Labels | null {
  if (read.kind === 'unavailable') return null;
  const selector = read.kind === 'found' ? (read.value.spec.selector ?? {}) : {};
  return Object.keys(selector).length === 0 ? noPod : selector;
}

/** No pod has this label. */
const noPod: Labels = { 'canaryd.io/selects': 'nothing' };

function subsetsIn(rules: DestinationRule[], clusterDomain: string): NonNullable<Behind['subsets']> {
  const subsets = new Map<string, Map<string, Labels>>();
  for (const { spec, metadata } of rules) {
    const host = qualifyHost(spec.host, metadata.namespace, clusterDomain);
    const known = subsets.get(host) ?? new Map<string, Labels>();
    for (const { name, labels = {} } of spec.subsets ?? []) if (!known.has(name)) known.set(name, labels);
    subsets.set(host, known);
  }
  return subsets;
}
