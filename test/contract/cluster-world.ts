import { randomBytes } from 'node:crypto';
import type { KubeConfig } from '@kubernetes/client-node';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube, type Kube } from '../../src/traffic/kube.ts';
import { type Fence, type FencedRequest, openFence } from './cluster-fence.ts';
import { type Hands, handsThrough, httpIn, weightsIn } from './cluster-hands.ts';
import {
  containers,
  destinationRuleObject,
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

export type ClusterWorld = MeshWorld & { namespace: string; requests: readonly FencedRequest[] };

type Place = { namespace: string; hands: Hands; fence: Fence; guard: Guard };

/**
 * Makes a namespace with a random name in the cluster and all that the suite needs in it. Closing deletes it and waits
 * until it is gone; if this process ends before that, a guard deletes it. Prints what it does to stderr.
 */
export async function openClusterWorld(config: KubeConfig): Promise<ClusterWorld> {
  const namespace = `${namespacePrefix}${randomBytes(4).toString('hex')}`;
  const fence = await openFence(config, namespace);
  const place = { namespace, fence, hands: handsThrough(fence), guard: startGuard(config, namespace) };
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
  const { namespace, hands, fence } = place;
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
    namespace,
    requests: fence.requests,
    close: async () => {
      await kube.close();
      await leave(place);
    },
  };
}

function worldOf({ namespace, hands }: Place, kube: Kube): Omit<MeshWorld, 'close'> {
  const collection = istio(namespace, 'virtualservices');
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

async function leave({ namespace, hands, fence, guard }: Place): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}`;
  try {
    await hands.remove(path);
    await hands.untilGone(path);
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
