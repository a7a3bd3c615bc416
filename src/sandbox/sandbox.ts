import { stringify } from 'yaml';
import { type ApiServer, startApiServer, type WriteRecord } from './api-server.ts';
import { defaultUsers, type User } from './auth.ts';
import { demoMesh } from './demo-mesh.ts';
import { createFaults, type Faults } from './faults.ts';
import { type JsonObject, textAt } from './json.ts';
import type { Behaviour, MeshSpec, ServiceSpec } from './mesh-spec.ts';
import { startMetricsServer } from './metrics-server.ts';
import { istioObjects } from './platform.ts';
import { namespaces, type ObjectKey, resourceTypes } from './resources.ts';
import { createRootOfTrust } from './root-of-trust.ts';
import { createStore, type ObjectStore } from './store.ts';
import { account, surroundingsOf } from './surroundings.ts';
import { createTraffic, type Traffic } from './traffic.ts';
import { createWorkloads, storeNamespace, type Workloads } from './workloads.ts';

type SandboxOptions = {
  /** Seed of the traffic; 1 when absent. */
  seed?: number;
  /** Real milliseconds between two rounds of requests, 50 when absent; 0 sends none until `traffic.tick` is called. */
  tickMs?: number;
  /** The mesh of the demo when absent: payment-service and ledger. */
  mesh?: MeshSpec;
};

type VersionChange = Partial<Behaviour> & { readyPods?: number };

/** A running simulated mesh. */
export type Sandbox = {
  /** Kubeconfig of the user `canaryd`, as YAML text. */
  kubeconfig: string;
  /** Kubeconfig of any other user, by name (`admin`, `nobody`, or one added to `users`). */
  kubeconfigFor(user: string): string;
  apiUrl: string;
  /** Base URL of the pods' metrics; `<metricsUrl>/sd` is their discovery. */
  metricsUrl: string;
  /** Changes how a version answers, or how many of its pods are ready, from the next request on. */
  setVersion(service: string, version: string, change: VersionChange): void;
  setRequestRate(service: string, requestsPerSecond: number): void;
  /** Replaces a version's pods by new ones running this image (new digests, new template hash). */
  redeploy(service: string, version: string, image: string): void;
  /** The same pod by pod: each call of what it returns replaces one, and answers how many old ones are left. */
  redeployByPod(service: string, version: string, image: string): () => number;
  /** Replaces a version's pods by new ones of the same image, as `kubectl rollout restart` does. */
  restart(service: string, version: string): void;
  /** Replaces the root certificate of the mesh by one that is valid for so many days from now. */
  renewRoot(validDays: number): Promise<void>;
  store: ObjectStore;
  workloads: Workloads;
  traffic: Traffic;
  faults: Faults;
  /** May be added to, changed and removed from while the sandbox runs. */
  users: User[];
  /** Every write request so far, in order. */
  writes: readonly WriteRecord[];
  close(): Promise<void>;
};

/** Starts the API server, the traffic and the metrics endpoint on free loopback ports. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { seed = 1, tickMs = 50, mesh = demoMesh() } = options;
  const now = () => new Date();
  const store = createStore({ seed, now });
  const workloads = createWorkloads({ store, mesh, now, seed });
  for (const object of mesh.objects) storeObject(store, object);
  storeMissing(store, [...istioObjects(now()), ...surroundingsOf(mesh)]);
  storeMissing(
    store,
    store.list(namespaces).map((one) => account(textAt(one, 'metadata', 'name'), 'default')),
  );
  const root = await createRootOfTrust(store, now);
  const traffic = createTraffic({ store, workloads, mesh, seed, nowMs: Date.now });
  const control = createFaults();
  const users = defaultUsers();
  const api = await startApiServer({ store, users, control, now });
  const metrics = await startMetricsServer({ workloads, traffic, faults: control.faults, root, now });
  const stop = tickMs > 0 ? startTicking(traffic, tickMs) : () => {};
  const service = (name: string) => findService(mesh, name);
  return {
    kubeconfig: kubeconfigOf(api, users, 'canaryd'),
    kubeconfigFor: (user) => kubeconfigOf(api, users, user),
    apiUrl: api.url,
    metricsUrl: metrics.url,
    setVersion: (name, version, { readyPods, ...behaviour }) => {
      traffic.setBehaviour(name, version, behaviour);
      if (readyPods !== undefined) workloads.setReadyPods(service(name), version, readyPods);
    },
    setRequestRate: traffic.setRequestRate,
    redeploy: (name, version, image) => workloads.redeploy(service(name), version, image),
    redeployByPod: (name, version, image) => workloads.redeployByPod(service(name), version, image),
    restart: (name, version) => workloads.restart(service(name), version),
    renewRoot: root.renew,
    store,
    workloads,
    traffic,
    faults: control.faults,
    users,
    writes: api.writes,
    close: async () => {
      stop();
      await Promise.all([api.close(), metrics.close()]);
    },
  };
}

/** Stores an object of any served kind by its own name and namespace. */
export function storeObject(store: ObjectStore, object: JsonObject): JsonObject {
  const key = keyOf(object);
  if (key.namespace !== '') storeNamespace(store, key.namespace);
  return store.get(key) === null
    ? store.create(key, object, 'sandbox')
    : store.update(key, object, 'sandbox');
}

/** What a mesh says itself stays as it says. */
function storeMissing(store: ObjectStore, objects: readonly JsonObject[]): void {
  for (const object of objects) if (store.get(keyOf(object)) === null) storeObject(store, object);
}

function keyOf(object: JsonObject): ObjectKey {
  const kind = textAt(object, 'kind');
  const types = resourceTypes.filter((one) => one.kind === kind);
  const version = textAt(object, 'apiVersion');
  // There is a Gateway of Istio and one of Kubernetes.
  const type = types.find(({ group }) => version.startsWith(`${group}/`)) ?? types[0];
  if (type === undefined) throw new Error(`the sandbox does not serve ${kind}`);
  const namespace = type.namespaced ? textAt(object, 'metadata', 'namespace') : '';
  return { type, namespace, name: textAt(object, 'metadata', 'name') };
}

function findService(mesh: MeshSpec, name: string): ServiceSpec {
  const found = mesh.services.find((service) => service.name === name);
  if (found === undefined) throw new Error(`the sandbox has no service ${name}`);
  return found;
}

/** Ticks by the real time that has passed, so that a late timer loses no requests; a long pause is not made up for. */
function startTicking(traffic: Traffic, tickMs: number): () => void {
  const longestTickSeconds = 1;
  let last = performance.now();
  const timer = setInterval(() => {
    const elapsedSeconds = (performance.now() - last) / 1000;
    last = performance.now();
    traffic.tick(Math.min(elapsedSeconds, longestTickSeconds));
  }, tickMs);
  return () => clearInterval(timer);
}

function kubeconfigOf(api: ApiServer, users: readonly User[], name: string): string {
  const user = users.find((one) => one.name === name);
  if (user === undefined) throw new Error(`the sandbox has no user ${name}`);
  const authority = Buffer.from(api.ca).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'sandbox', cluster: { server: api.url, 'certificate-authority-data': authority } }],
    users: [{ name, user: { token: user.token } }],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: name } }],
    'current-context': 'sandbox',
  });
}
