import type { CallerSpec, MeshSpec, ServiceSpec, VersionSpec } from './mesh-spec.ts';
import { type Pod, podObject, serviceObject } from './pod-objects.ts';
import {
  ownServices,
  podsOf,
  publishDeployment,
  publishEndpoints,
  publishReplicaSet,
  put,
  versionPods,
} from './publish.ts';
import { type Random, seededRandom } from './random.ts';
import { namespaces, pods as podType, services } from './resources.ts';
import type { ObjectStore } from './store.ts';

/** The pods of the mesh, kept in step with their objects in the API. */
export type Workloads = {
  all(): readonly Pod[];
  ofService(service: ServiceSpec): readonly Pod[];
  ofCaller(caller: CallerSpec): readonly Pod[];
  /** Makes the first `count` pods of a version ready and the others not; starts more when there are too few. */
  setReadyPods(service: ServiceSpec, version: string, count: number): void;
  /** Replaces a version's pods by as many new ones with a new template hash, running this image. */
  redeploy(service: ServiceSpec, version: string, image: string): void;
  /**
   * Begins to replace a version's pods as a rolling update does. Each call of what it returns replaces one more, and
   * answers how many of the old ones are left.
   */
  redeployByPod(service: ServiceSpec, version: string, image: string): () => number;
  /** Replaces a version's pods by as many of the same image under a new template hash. */
  restart(service: ServiceSpec, version: string): void;
};

type Fleet = {
  store: ObjectStore;
  mesh: MeshSpec;
  now: () => Date;
  random: Random;
  pods: Pod[];
  started: number;
};

/** Starts every pod of the mesh and stores namespaces, Services, Deployments, Pods and EndpointSlices for them. */
export function createWorkloads(options: {
  store: ObjectStore;
  mesh: MeshSpec;
  now: () => Date;
  seed: number;
}): Workloads {
  const fleet: Fleet = { ...options, random: seededRandom(options.seed ^ 0x1f123bb5), pods: [], started: 0 };
  for (const service of options.mesh.services) startService(fleet, service);
  return {
    all: () => fleet.pods,
    ofService: (service) => podsOf(fleet, service),
    ofCaller: (caller) =>
      fleet.pods.filter((pod) => pod.namespace === caller.namespace && pod.workload === caller.workload),
    setReadyPods: (service, version, count) => setReadyPods(fleet, service, version, count),
    redeploy: (service, version, image) => redeploy(fleet, service, version, image),
    redeployByPod: (service, version, image) => redeployByPod(fleet, service, version, image),
    restart: (service, version) => restart(fleet, service, version),
  };
}

function startService(fleet: Fleet, service: ServiceSpec): void {
  const { caller } = service;
  for (const name of [service.namespace, caller.namespace])
    storeNamespace(fleet.store, name, { 'istio-injection': 'enabled' });
  put(fleet.store, services, service, serviceObject(service));
  for (const { name, selector } of ownServices(service)) {
    const own = { ...service, name };
    put(fleet.store, services, own, serviceObject(own, selector));
  }
  for (const version of service.versions)
    startPods(fleet, batchOf(fleet, service, version, version.replicas));
  const isRunning = fleet.pods.some(
    (pod) => pod.namespace === caller.namespace && pod.workload === caller.workload,
  );
  if (!isRunning) startPods(fleet, callerBatch(fleet, caller));
  publishEndpoints(fleet, service);
}

function callerBatch(fleet: Fleet, caller: CallerSpec): Batch {
  const behaviour = { errorRate: 0, medianMs: 1, p99Ms: 2 };
  const { namespace, workload: app, replicas: count } = caller;
  return { namespace, app, version: { ...caller, behaviour }, hash: podTemplateHash(fleet.random), count };
}

type Batch = { namespace: string; app: string; version: VersionSpec; hash: string; count: number };

function startPods(fleet: Fleet, { namespace, app, version, hash, count }: Batch): void {
  for (let index = 0; index < count; index += 1) {
    fleet.started += 1;
    const pod: Pod = {
      name: `${version.workload}-${hash}-${letters(fleet.random, 5)}`,
      namespace,
      workload: version.workload,
      app,
      version: version.version,
      hash,
      image: version.image,
      ip: `10.244.${Math.floor(fleet.started / 250)}.${1 + (fleet.started % 250)}`,
      ready: true,
      restarts: 0,
      hasNativeSidecar: version.hasNativeSidecar ?? false,
    };
    fleet.pods.push(pod);
    put(fleet.store, podType, pod, podObject(pod, fleet.now()));
  }
  publishDeployment(fleet, fleet.pods.at(-1));
}

/** A batch of a service's version under a fresh template hash. */
function batchOf(fleet: Fleet, service: ServiceSpec, version: VersionSpec, count: number): Batch {
  const { namespace, name } = service;
  return { namespace, app: version.app ?? name, version, hash: podTemplateHash(fleet.random), count };
}

function setReadyPods(fleet: Fleet, service: ServiceSpec, version: string, count: number): void {
  const missing = count - versionPods(fleet, service, version).length;
  if (missing > 0) addPods(fleet, service, version, missing);
  for (const [index, pod] of versionPods(fleet, service, version).entries()) {
    const ready = index < count;
    if (pod.ready === ready) continue;
    const next = { ...pod, ready, restarts: pod.restarts + (ready ? 1 : 0) };
    fleet.pods = fleet.pods.map((one) => (one === pod ? next : one));
    put(fleet.store, podType, next, podObject(next, fleet.now()));
  }
  publishDeployment(fleet, versionPods(fleet, service, version)[0]);
  publishEndpoints(fleet, service);
}

/** More replicas of the template that already runs (same image, same hash), or of the declared one when none is left. */
function addPods(fleet: Fleet, service: ServiceSpec, version: string, count: number): void {
  const like = versionPods(fleet, service, version)[0];
  const batch = batchOf(fleet, service, declaredVersion(service, version), count);
  const template =
    like === undefined ? {} : { hash: like.hash, version: { ...batch.version, image: like.image } };
  startPods(fleet, { ...batch, ...template });
}

function redeploy(fleet: Fleet, service: ServiceSpec, version: string, image: string): void {
  const old = versionPods(fleet, service, version);
  stopPods(fleet, old);
  const declared = declaredVersion(service, version);
  startPods(fleet, batchOf(fleet, service, { ...declared, image }, Math.max(old.length, declared.replicas)));
  publishEndpoints(fleet, service);
}

function redeployByPod(fleet: Fleet, service: ServiceSpec, version: string, image: string): () => number {
  const declared = declaredVersion(service, version);
  const batch = batchOf(fleet, service, { ...declared, image }, 1);
  const isOld = (pod: Pod) => pod.hash !== batch.hash;
  return () => {
    const [oldest, ...others] = versionPods(fleet, service, version).filter(isOld);
    if (oldest === undefined) return 0;
    stopPods(fleet, [oldest]);
    startPods(fleet, batch);
    publishEndpoints(fleet, service);
    return others.length;
  };
}

function restart(fleet: Fleet, service: ServiceSpec, version: string): void {
  const [pod] = versionPods(fleet, service, version);
  redeploy(fleet, service, version, pod?.image ?? declaredVersion(service, version).image);
}

function stopPods(fleet: Fleet, leaving: readonly Pod[]): void {
  fleet.pods = fleet.pods.filter((pod) => !leaving.includes(pod));
  for (const pod of leaving) {
    fleet.store.remove({ type: podType, namespace: pod.namespace, name: pod.name });
    publishReplicaSet(fleet, pod);
  }
}

function declaredVersion(service: ServiceSpec, version: string): VersionSpec {
  const declared = service.versions.find((one) => one.version === version);
  if (declared === undefined) throw new Error(`service ${service.name} has no version ${version}`);
  return declared;
}

/** Stores a namespace unless it is there; `extra` labels are added to the one that every namespace carries. */
export function storeNamespace(store: ObjectStore, name: string, extra: Record<string, string> = {}): void {
  const key = { type: namespaces, namespace: '', name };
  if (store.get(key) !== null) return;
  const labels = { 'kubernetes.io/metadata.name': name, ...extra };
  const object = { kind: 'Namespace', metadata: { labels }, spec: { finalizers: ['kubernetes'] } };
  store.create(key, { ...object, status: { phase: 'Active' } }, 'sandbox');
}

/** Kubernetes leaves vowels and look-alikes out of generated names. */
function letters(random: Random, count: number): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  return Array.from({ length: count }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
}

function podTemplateHash(random: Random): string {
  return letters(random, 10);
}
