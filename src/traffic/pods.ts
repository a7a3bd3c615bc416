import type { Images, Readiness, SplitView } from '../rollout/ports/mesh.ts';
import type { Arm, Target } from '../rollout/target.ts';
import type { Pod, ReplicaSet } from './cluster-objects.ts';
import { imagesOf, templatesOf } from './images.ts';
import type { Kube, KubeRead } from './kube.ts';
import { countReady, sharedLabels } from './workload.ts';

/** What stands behind one destination, or behind both. */
export type Behind = Pick<SplitView, 'readiness' | 'images'>;

type Lister = Pick<Kube, 'listPods' | 'listReplicaSets'>;
type Labels = Record<string, string>;
type Lists = { pods: KubeRead<Pod[]>; replicaSets: KubeRead<ReplicaSet[]> };

/**
 * Who is ready behind the two destinations, and what runs there. Never fails: what may not or cannot be read is
 * `unknown`, with the reason. All lists are asked for side by side.
 */
export async function readPods(
  kube: Lister,
  { stable, canary }: Pick<Target, 'stable' | 'canary'>,
  signal: AbortSignal,
): Promise<Behind> {
  const list = ({ service }: Arm, labels: Labels | null) =>
    labels === null ? null : listBehind(kube, service.namespace, labels, signal);
  const shared = sharedLabels(stable.podLabels ?? {}, canary.podLabels ?? {});
  const isOneList = stable.service.namespace === canary.service.namespace && Object.keys(shared).length > 0;
  const ofStable = list(stable, isOneList ? shared : stable.podLabels);
  const ofCanary = isOneList ? ofStable : list(canary, canary.podLabels);
  const [stableLists, canaryLists] = await Promise.all([ofStable, ofCanary]);
  return {
    readiness: { stable: readinessOf(stableLists, stable), canary: readinessOf(canaryLists, canary) },
    images: { stable: imagesIn(stableLists, stable), canary: imagesIn(canaryLists, canary) },
  };
}

async function listBehind(
  kube: Lister,
  namespace: string,
  labels: Labels,
  signal: AbortSignal,
): Promise<Lists> {
  const [pods, replicaSets] = await Promise.all([
    kube.listPods(namespace, labels, signal),
    kube.listReplicaSets(namespace, labels, signal),
  ]);
  return { pods, replicaSets };
}

function readinessOf(lists: Lists | null, { service, podLabels }: Arm): Readiness {
  if (lists === null || podLabels === null) return noPods(service);
  const { pods } = lists;
  if (pods.kind === 'found') return countReady(pods.value, podLabels);
  return { kind: 'unknown', why: whyNot(pods, 'pods') };
}

/**
 * Without the right to read ReplicaSets the containers are told by what the injector wrote. A list that merely failed
 * this time must not do that: a container that seems to come or go would read as another canary.
 */
function imagesIn(lists: Lists | null, { service, podLabels }: Arm): Images {
  if (lists === null || podLabels === null) return noPods(service);
  const { pods, replicaSets } = lists;
  if (pods.kind !== 'found') return { kind: 'unknown', why: whyNot(pods, 'pods') };
  if (replicaSets.kind === 'found') return imagesOf(pods.value, podLabels, templatesOf(replicaSets.value));
  const isNeverRead = replicaSets.kind === 'missing' || replicaSets.reason === 'forbidden';
  if (isNeverRead) return imagesOf(pods.value, podLabels, new Map());
  return { kind: 'unknown', why: whyNot(replicaSets, 'ReplicaSets') };
}

/** Labels that are not there must never select all pods of the namespace. */
function noPods({ name }: Arm['service']): { kind: 'unknown'; why: string } {
  const why = `${name} is a host of a ServiceEntry that selects no pods, so that there are none to look at`;
  return { kind: 'unknown', why };
}

function whyNot(read: Exclude<KubeRead<never>, { kind: 'found' }>, what: string): string {
  return read.kind === 'missing' ? `the cluster has no such list of ${what}` : read.why;
}
