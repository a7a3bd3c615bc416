import type { JsonObject } from './json.ts';
import type { ServiceSpec } from './mesh-spec.ts';
import { deploymentObject, endpointSliceObject, type Pod, replicaSetObject } from './pod-objects.ts';
import { autoscalers, deployments, endpointSlices, type ResourceType, replicaSets } from './resources.ts';
import type { ObjectStore } from './store.ts';

/** The pods that run now, and where their objects are stored. */
type Running = { store: ObjectStore; pods: readonly Pod[] };

/** Stores the EndpointSlices of a service and of the Services that stand for one of its versions. */
export function publishEndpoints(fleet: Running, service: ServiceSpec): void {
  const name = `${service.name}-slice`;
  const slice = endpointSliceObject(service, podsOf(fleet, service));
  put(fleet.store, endpointSlices, { name, namespace: service.namespace }, slice);
  for (const own of ownServices(service)) {
    const at = { name: `${own.name}-slice`, namespace: service.namespace };
    const pods = versionPods(fleet, service, own.version);
    put(fleet.store, endpointSlices, at, endpointSliceObject({ ...service, name: own.name }, pods));
  }
}

/** Stores the Deployment that a pod belongs to, and the ReplicaSet in between. */
export function publishDeployment(fleet: Running, pod: Pod | undefined): void {
  if (pod === undefined) return;
  const siblings = fleet.pods.filter(
    (one) => one.namespace === pod.namespace && one.workload === pod.workload,
  );
  put(
    fleet.store,
    deployments,
    { name: pod.workload, namespace: pod.namespace },
    deploymentObject(siblings, pod),
  );
  publishReplicaSet(fleet, pod);
  tellAutoscaler(fleet.store, pod, siblings.length);
}

/** An autoscaler that somebody took away does not come back with the next pod. */
function tellAutoscaler(store: ObjectStore, { namespace, workload }: Pod, replicas: number): void {
  const key = { type: autoscalers, namespace, name: workload };
  const stored = store.get(key);
  if (stored === null) return;
  const status = { currentReplicas: replicas, desiredReplicas: replicas };
  store.update(key, { ...stored, status }, 'sandbox');
}

/** One that has lost its last pod stays, as the history that a Deployment keeps. */
export function publishReplicaSet(fleet: Running, pod: Pod): void {
  const { namespace, workload, hash } = pod;
  const siblings = fleet.pods.filter(
    (one) => one.namespace === namespace && one.workload === workload && one.hash === hash,
  );
  const name = `${workload}-${hash}`;
  put(fleet.store, replicaSets, { name, namespace }, replicaSetObject(siblings, pod));
}

/** Creates or replaces an object. */
export function put(
  store: ObjectStore,
  type: ResourceType,
  at: { name: string; namespace: string },
  object: JsonObject,
): void {
  const key = { type, namespace: at.namespace, name: at.name };
  if (store.get(key) === null) store.create(key, object, 'sandbox');
  else store.update(key, object, 'sandbox');
}

/** The Services that stand for one version each. */
export function ownServices({ name: app, versions }: ServiceSpec) {
  return versions.flatMap(({ ownService: name, version, app: ownApp = app }) =>
    name === undefined ? [] : [{ name, version, selector: { app: ownApp, version } }],
  );
}

/** The pods of all versions of a service. */
export function podsOf(fleet: Running, service: ServiceSpec): Pod[] {
  const workloads = service.versions.map((version) => version.workload);
  return fleet.pods.filter((pod) => pod.namespace === service.namespace && workloads.includes(pod.workload));
}

/** The pods of one version of a service. */
export function versionPods(fleet: Running, service: ServiceSpec, version: string): Pod[] {
  return podsOf(fleet, service).filter((pod) => pod.version === version);
}
