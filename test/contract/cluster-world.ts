import { randomBytes } from 'node:crypto';
import type { KubeConfig } from '@kubernetes/client-node';
import { type JsonObject, objectAt } from '../../src/sandbox/json.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import type { Where } from '../fakes/mesh.ts';
import { type Fence, type FencedRequest, openFence } from './cluster-fence.ts';
import { type Hands, handsThrough, httpIn, spoiled, weightsIn } from './cluster-hands.ts';
import {
  containers,
  destinationRuleObject,
  gatewayObject,
  namespaceObject,
  podCounts,
  podLabels,
  podName,
  podObject,
  readiness,
  serviceObject,
  virtualServiceObject,
} from './cluster-objects.ts';
import type { MeshWorld } from './mesh-world.ts';
import { type Guard, namespacePrefix, startGuard } from './namespace-guard.ts';

export type ClusterWorld = MeshWorld & { namespaces: readonly string[]; requests: readonly FencedRequest[] };

/** `edge` is the second namespace, for VirtualServices that stand elsewhere than the first one. */
type Place = { namespace: string; edge: string; hands: Hands; fence: Fence; guard: Guard };

/**
 * Makes two namespaces with a random name in the cluster and all that the suite needs in them. Closing deletes them and
 * waits until they are gone; if this process ends before that, a guard deletes them. Prints what it does to stderr.
 */
export async function openClusterWorld(config: KubeConfig): Promise<ClusterWorld> {
  const namespace = `${namespacePrefix}${randomBytes(4).toString('hex')}`;
  const edge = `${namespace}-edge`;
  const fence = await openFence(config, [namespace, edge]);
  const guard = startGuard(config, [namespace, edge]);
  const place = { namespace, edge, fence, hands: handsThrough(fence), guard };
  try {
    await place.hands.create('/api/v1/namespaces', namespaceObject(namespace));
  } catch (cause) {
    await place.guard.release();
    await fence.close();
    throw cause;
  }
  try {
    return await furnish(place);
  } catch (cause) {
    // What went wrong first is what there is to tell; the guard cleans up where leaving fails.
    await leave(place).catch(() => undefined);
    throw cause;
  }
}

async function furnish(place: Place): Promise<ClusterWorld> {
  const { namespace, edge, hands, fence } = place;
  await hands.create('/api/v1/namespaces', namespaceObject(edge));
  await hands.create(core(namespace, 'services'), serviceObject());
  await hands.create(istio(namespace, 'destinationrules'), destinationRuleObject());
  const withoutPods = await createPods(place);
  if (withoutPods !== null) {
    process.stderr.write(`pods are not tested: ${withoutPods}\n`);
  }
  const kube = await connectKube({ kind: 'text', text: fence.kubeconfig });
  return {
    ...worldOf(place, kube),
    ...(withoutPods === null ? {} : { withoutPods }),
    namespaces: [namespace, edge],
    requests: fence.requests,
    close: async () => {
      await kube.close();
      await leave(place);
    },
  };
}

function worldOf(place: Place, kube: Kube): Omit<MeshWorld, 'close'> {
  const { namespace, hands } = place;
  const collection = istio(namespace, 'virtualservices');
  const objects = objectsOf(place);
  let count = 0;
  return {
    mesh: istioMesh(kube, { clusterDomain: 'cluster.local' }),
    add: async (shares) => {
      count += 1;
      const virtualService = `payment-${count}`;
      await hands.create(collection, virtualServiceObject(virtualService, shares));
      return { namespace, virtualService };
    },
    setShares: ({ virtualService }, shares) => {
      const { spec } = virtualServiceObject(virtualService, shares);
      return hands.merge(`${collection}/${virtualService}`, { spec: spec ?? null });
    },
    touch: ({ virtualService }) =>
      hands.merge(`${collection}/${virtualService}`, { metadata: { labels: { touched: 'yes' } } }),
    remove: ({ virtualService }) => hands.remove(`${collection}/${virtualService}`),
    recreate: ({ virtualService }, shares) =>
      hands.create(collection, virtualServiceObject(virtualService, shares)),
    weights: async ({ virtualService }) => weightsIn(await hands.get(`${collection}/${virtualService}`)),
    objects,
    spoilManaged: async (where) => {
      const { http } = await objects.spec(where);
      await objects.mergeSpec(where, { http: spoiled(httpIn({ spec: { http: http ?? [] } })) });
    },
    http: async ({ virtualService }) => httpIn(await hands.get(`${collection}/${virtualService}`)),
    setReadyPods: (_where, subset, ready) =>
      eachPod(namespace, subset, (pod, index) =>
        hands.merge(`${pod}/status`, { status: readiness(index < ready) }),
      ),
    pods: {
      restart: (_where, subset) =>
        eachPod(namespace, subset, (pod) =>
          hands.merge(pod, { metadata: { labels: podLabels(subset, 'second') } }),
        ),
      redeploy: (_where, subset, image) =>
        eachPod(namespace, subset, (pod) => hands.merge(`${pod}/status`, { status: containers(image) })),
    },
  };
}

/** What somebody else writes into the objects of both namespaces. */
function objectsOf({ namespace, edge, hands }: Place) {
  const pathOf = (where: Where) => `${istio(where.namespace, 'virtualservices')}/${where.virtualService}`;
  let count = 0;
  return {
    spec: async (where: Where) => objectAt(await hands.get(pathOf(where)), 'spec'),
    mergeSpec: (where: Where, fields: JsonObject) => hands.merge(pathOf(where), { spec: fields }),
    elsewhere: async (weights: Record<string, number>) => {
      count += 1;
      const where = { namespace: edge, virtualService: `gateway-${count}` };
      const object = gatewayObject(where.virtualService, weights, namespace);
      await hands.create(istio(edge, 'virtualservices'), object);
      return where;
    },
  };
}

/** Creates pods and makes them ready; the reason when the cluster or our rights do not allow it. */
async function createPods({ namespace, hands }: Place): Promise<string | null> {
  try {
    for (const subset of Object.keys(podCounts)) {
      const status = { ...readiness(true), ...containers(`example.test/${subset}`) };
      await eachPod(namespace, subset, async (pod, index) => {
        await hands.create(core(namespace, 'pods'), podObject(subset, index));
        await hands.merge(`${pod}/status`, { status });
      });
    }
    return null;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Does something to the pods of a subset, one after the other; `pod` is its path. */
async function eachPod(
  namespace: string,
  subset: string,
  act: (pod: string, index: number) => Promise<void>,
): Promise<void> {
  for (let index = 0; index < (podCounts[subset] ?? 0); index += 1) {
    await act(`${core(namespace, 'pods')}/${podName(subset, index)}`, index);
  }
}

async function leave({ namespace, edge, hands, fence, guard }: Place): Promise<void> {
  const paths = [edge, namespace].map((name) => `/api/v1/namespaces/${name}`);
  try {
    for (const path of paths) await hands.remove(path);
    for (const path of paths) await hands.untilGone(path);
    await guard.release();
  } catch (cause) {
    await guard.abandon();
    throw cause;
  } finally {
    await fence.close();
  }
}

function core(namespace: string, plural: string): string {
  return `/api/v1/namespaces/${namespace}/${plural}`;
}

function istio(namespace: string, plural: string): string {
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/${plural}`;
}
