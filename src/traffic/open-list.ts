import { KubernetesName } from '../rollout/units.ts';
import { type Client, open } from './kube-client.ts';
import type { Opened } from './open-path.ts';

export type WatchedResource = 'virtualservices' | 'pods' | 'replicasets';

/** The list of one resource in one namespace. With `watch` in the query its changes are asked for. */
export type AskedList = { resource: WatchedResource; namespace: string; query: URLSearchParams };

/** Opens a list, to be read piece by piece, on connections that no other call uses; the only deadline is the signal's. */
export async function openList(
  client: Client,
  { resource, namespace, query }: AskedList,
  signal: AbortSignal,
): Promise<Opened> {
  // A name is part of a URL's path, where `..` would lead to another object.
  if (!KubernetesName.safeParse(namespace).success)
    return { kind: 'broken', how: 'notStarted', why: 'the namespace is no Kubernetes name' };
  const apis: Record<WatchedResource, string> = {
    virtualservices: `apis/networking.istio.io/${client.shared.istioVersion}`,
    pods: 'api/v1',
    replicasets: 'apis/apps/v1',
  };
  return open(client, `/${apis[resource]}/namespaces/${namespace}/${resource}?${query}`, signal);
}
