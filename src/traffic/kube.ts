import type { z } from 'zod';
import type { MeshFailure } from '../rollout/ports/mesh.ts';
import { KubernetesName } from '../rollout/units.ts';
import {
  type ApiAnswer,
  type Read,
  readAnswer,
  unavailable,
  type Written,
  writtenAnswer,
} from './api-answer.ts';
import { DestinationRule, listOf, Pod, Service } from './cluster-objects.ts';
import { type Connection, connect, type KubeSource, type Request, send } from './kube-connection.ts';
import { VirtualService } from './virtual-service.ts';
import type { PatchOperation } from './weight-patch.ts';

export type ObjectName = { namespace: string; name: string };
export type KubeRead<Value> = { kind: 'found'; value: Value } | { kind: 'missing' } | MeshFailure;
type KubeWritten<Value> = Exclude<Written<Value>, { kind: 'notServed' }>;

/** What canaryd asks of a cluster. Each call has a deadline, ends early when `signal` aborts, and answers instead of throwing. */
export interface Kube {
  readVirtualService(name: ObjectName, signal: AbortSignal): Promise<KubeRead<VirtualService>>;
  patchVirtualService(
    name: ObjectName,
    patch: PatchOperation[],
    signal: AbortSignal,
  ): Promise<KubeWritten<VirtualService>>;
  listDestinationRules(namespace: string, signal: AbortSignal): Promise<KubeRead<DestinationRule[]>>;
  readService(name: ObjectName, signal: AbortSignal): Promise<KubeRead<Service>>;
  /** Pods that have all these labels. */
  listPods(namespace: string, labels: Record<string, string>, signal: AbortSignal): Promise<KubeRead<Pod[]>>;
  /** Closes idle connections and waits for open requests. */
  close(): Promise<void>;
}

/** Deadlines in milliseconds; a caller's signal may end a call earlier. */
export type KubeOptions = { readTimeoutMs?: number; writeTimeoutMs?: number };

type Client = {
  source: KubeSource;
  connection: Promise<Connection>;
  readTimeoutMs: number;
  writeTimeoutMs: number;
  /** The version of Istio's networking API that this cluster was last seen to serve. */
  istioVersion: string;
};

const istioGroup = 'networking.istio.io';
const istioVersions = ['v1', 'v1beta1'];
const fieldManager = 'canaryd';

/** Connects to a cluster. Raises AppError `configuration` when its credentials cannot be read; sends nothing yet. */
export async function connectKube(source: KubeSource, options: KubeOptions = {}): Promise<Kube> {
  const first = await connect(source);
  const client: Client = {
    source,
    connection: Promise.resolve(first),
    readTimeoutMs: options.readTimeoutMs ?? 3000,
    writeTimeoutMs: options.writeTimeoutMs ?? 8000,
    istioVersion: 'v1',
  };
  return {
    readVirtualService: (name, signal) => readVirtualService(client, name, signal),
    patchVirtualService: (name, patch, signal) => patchVirtualService(client, name, patch, signal),
    listDestinationRules: (namespace, signal) => listDestinationRules(client, namespace, signal),
    readService: (name, signal) => readService(client, name, signal),
    listPods: (namespace, labels, signal) => listPods(client, namespace, labels, signal),
    close: async () => (await client.connection).agent.close(),
  };
}

async function readVirtualService(
  client: Client,
  name: ObjectName,
  signal: AbortSignal,
): Promise<KubeRead<VirtualService>> {
  const fault = findBadName(name.namespace, name.name);
  if (fault !== null) return fault;
  return inServedVersion(client, async (version) => {
    const request: Request = ({ custom }, options) =>
      custom.getNamespacedCustomObject({ ...virtualServices, version, ...name }, options);
    return readAnswer(await ask(client, request, signal, client.readTimeoutMs), VirtualService);
  });
}

async function patchVirtualService(
  client: Client,
  name: ObjectName,
  patch: PatchOperation[],
  signal: AbortSignal,
): Promise<KubeWritten<VirtualService>> {
  const fault = findBadName(name.namespace, name.name);
  if (fault !== null) return fault;
  return inServedVersion(client, async (version) => {
    const parameters = { ...virtualServices, version, ...name, body: patch, fieldManager };
    const request: Request = ({ custom }, options) => custom.patchNamespacedCustomObject(parameters, options);
    return writtenAnswer(await ask(client, request, signal, client.writeTimeoutMs), VirtualService);
  });
}

async function listDestinationRules(
  client: Client,
  namespace: string,
  signal: AbortSignal,
): Promise<KubeRead<DestinationRule[]>> {
  const fault = findBadName(namespace);
  if (fault !== null) return fault;
  return inServedVersion(client, async (version) => {
    const parameters = { group: istioGroup, plural: 'destinationrules', version, namespace };
    const request: Request = ({ custom }, options) => custom.listNamespacedCustomObject(parameters, options);
    return readList(await ask(client, request, signal, client.readTimeoutMs), DestinationRule);
  });
}

async function readService(
  client: Client,
  name: ObjectName,
  signal: AbortSignal,
): Promise<KubeRead<Service>> {
  const fault = findBadName(name.namespace, name.name);
  if (fault !== null) return fault;
  const request: Request = ({ core }, options) => core.readNamespacedService(name, options);
  return served(readAnswer(await ask(client, request, signal, client.readTimeoutMs), Service));
}

async function listPods(
  client: Client,
  namespace: string,
  labels: Record<string, string>,
  signal: AbortSignal,
): Promise<KubeRead<Pod[]>> {
  const fault = findBadName(namespace);
  if (fault !== null) return fault;
  const labelSelector = Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
  const request: Request = ({ core }, options) =>
    core.listNamespacedPod({ namespace, labelSelector }, options);
  return served(readList(await ask(client, request, signal, client.readTimeoutMs), Pod));
}

const virtualServices = { group: istioGroup, plural: 'virtualservices' };

/** A name is part of a URL's path, where `..` would lead to another object. */
function findBadName(...names: string[]): MeshFailure | null {
  const bad = names.find((name) => !KubernetesName.safeParse(name).success);
  return bad === undefined ? null : unavailable('invalid', `"${bad.slice(0, 80)}" is no Kubernetes name`);
}

/** Asks in the version that worked last; the next one when the cluster has no such API. */
async function inServedVersion<Outcome extends { kind: string }>(
  client: Client,
  askIn: (version: string) => Promise<Outcome | { kind: 'notServed' }>,
): Promise<Exclude<Outcome, { kind: 'notServed' }> | MeshFailure> {
  const versions = [
    client.istioVersion,
    ...istioVersions.filter((version) => version !== client.istioVersion),
  ];
  for (const version of versions) {
    const outcome = await askIn(version);
    if (!isServed(outcome)) continue;
    client.istioVersion = version;
    return outcome;
  }
  return notServed;
}

function isServed<Outcome extends { kind: string }>(
  outcome: Outcome,
): outcome is Exclude<Outcome, { kind: 'notServed' }> {
  return outcome.kind !== 'notServed';
}

function served<Value>(read: Read<Value>): KubeRead<Value> {
  return read.kind === 'notServed' ? notServed : read;
}

const notServed = unavailable(
  'invalid',
  'the cluster does not serve what was asked for: is Istio installed?',
);

function readList<Item>(answer: ApiAnswer, item: z.ZodType<Item>): Read<Item[]> {
  const list = readAnswer(answer, listOf(item));
  return list.kind === 'found' ? { kind: 'found', value: list.value.items } : list;
}

/** A token may have been renewed since it was read: a 401 is asked once more with fresh credentials. */
async function ask(
  client: Client,
  request: Request,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ApiAnswer> {
  const used = client.connection;
  const answer = await send(await used, request, signal, timeoutMs);
  if (answer.kind !== 'refused' || answer.refusal.code !== 401) return answer;
  if (client.connection === used) client.connection = reconnect(client.source, await used);
  return send(await client.connection, request, signal, timeoutMs);
}

/** Keeps the old connection when the source cannot be read just now. */
async function reconnect(source: KubeSource, used: Connection): Promise<Connection> {
  try {
    const fresh = await connect(source);
    // Not awaited: it waits for requests of others, and what fails in closing concerns nobody.
    used.agent.close().catch(() => undefined);
    return fresh;
  } catch {
    return used;
  }
}
