import type { EndpointSlice, Pod } from './objects.ts';
import { nameOf } from './select.ts';
import type { Arm } from './snapshot.ts';

/** A pod that a Service sends to, and whether it does so now. */
export type PodBehind = { pod: Pod; isReady: boolean };

/**
 * The pods behind an arm's Service, as its EndpointSlices name them. An endpoint that does not say whether it is ready
 * is ready. Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
 */
export function podsBehind(
  { service }: Arm,
  slices: readonly EndpointSlice[],
  pods: readonly Pod[],
): PodBehind[] {
  const endpoints = slices
    .filter(({ metadata }) => metadata.namespace === service.namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service.name)
    .flatMap((slice) => slice.endpoints ?? []);
  const ready = new Map<string, boolean>();
  for (const { conditions, targetRef } of endpoints) {
    if (targetRef?.kind !== 'Pod' || !targetRef.name) continue;
    ready.set(targetRef.name, ready.get(targetRef.name) === true || conditions?.ready !== false);
  }
  return pods
    .filter(({ metadata }) => metadata.namespace === service.namespace && ready.has(metadata.name))
    .toSorted((one, other) => (nameOf(one.metadata) < nameOf(other.metadata) ? -1 : 1))
    .map((pod) => ({ pod, isReady: ready.get(pod.metadata.name) === true }));
}
