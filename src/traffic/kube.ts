import { z } from 'zod';
import type { MeshFailure } from '../rollout/ports/mesh.ts';
import { KubernetesName, ObjectName as NameOfObject } from '../rollout/units.ts';
import { Review, type Right, reviewOf } from './access-review.ts';
import {
  type ApiAnswer,
  type Read,
  readAnswer,
  unavailable,
  type Written,
  writtenAnswer,
} from './api-answer.ts';
import { DestinationRule, listOf, Pod, ReplicaSet, Service, ServiceEntry } from './cluster-objects.ts';
import { fieldManager } from './field-manager.ts';
import { ask, type Client, closeAgents } from './kube-client.ts';
import { connect, type KubeSource, type Request } from './kube-connection.ts';
import { type AskedList, openList } from './open-list.ts';
import type { Opened } from './open-path.ts';
import { type Page, takePages } from './pages.ts';
import type { PatchOperation } from './patch-operation.ts';
import {
  type AskedObject,
  type AskedObjects,
  type Listed,
  listObjects,
  listVersions,
  readObject,
} from './read-objects.ts';
import { VirtualService } from './virtual-service.ts';

type Labels = Record<string, string>;
export type ObjectName = { namespace: string; name: string };
export type KubeRead<Value> = { kind: 'found'; value: Value } | { kind: 'missing' } | MeshFailure;
/** `after` is the `next` of the page before; null is the first page. */
type PageOf = { namespace: string | null; after: string | null };
type KubeWritten<Value> = Exclude<Written<Value>, { kind: 'notServed' }>;

/** What a turn asks of a cluster. */
interface TurnCalls {
  readVirtualService(name: ObjectName, signal: AbortSignal): Promise<KubeRead<VirtualService>>;
  patchVirtualService(
    name: ObjectName,
    patch: PatchOperation[],
    signal: AbortSignal,
    /** A dry run stores nothing, and answers with the object as it would stand. */
    options?: { dryRun: boolean },
  ): Promise<KubeWritten<VirtualService>>;
  /** Pods that have all these labels. */
  listPods(namespace: string, labels: Labels, signal: AbortSignal): Promise<KubeRead<Pod[]>>;
  /** ReplicaSets that have all these labels, those without a pod included. */
  listReplicaSets(namespace: string, labels: Labels, signal: AbortSignal): Promise<KubeRead<ReplicaSet[]>>;
}

/** What canaryd asks of a cluster. Each call has a deadline, ends early when `signal` aborts, and answers instead of throwing. */
export interface Kube extends TurnCalls {
  /** The same calls on connections that no other call uses, for what brings traffic back to stable. */
  urgent: TurnCalls;
  /** One page of the VirtualServices of a namespace; null is every namespace. One that cannot be read is left out. */
  listVirtualServices(asked: PageOf, signal: AbortSignal): Promise<KubeRead<Page<VirtualService>>>;
  listDestinationRules(namespace: string, signal: AbortSignal): Promise<KubeRead<DestinationRule[]>>;
  /** All ServiceEntries of a namespace; null is every namespace. One that cannot be read is left out. */
  listServiceEntries(namespace: string | null, signal: AbortSignal): Promise<KubeRead<ServiceEntry[]>>;
  readService(name: ObjectName, signal: AbortSignal): Promise<KubeRead<Service>>;
  /** Opens a list, to be read piece by piece, on connections that no other call uses; the only deadline is the signal's. */
  openList(asked: AskedList, signal: AbortSignal): Promise<Opened>;
  /** All objects of a kind, on connections that no turn uses; `missing` where the cluster does not serve the kind. */
  listObjects<Item>(
    asked: AskedObjects,
    item: z.ZodType<Item>,
    signal: AbortSignal,
  ): Promise<KubeRead<Listed<Item>>>;
  /** One object of any kind, on connections that no turn uses. */
  readObject<Item>(asked: AskedObject, item: z.ZodType<Item>, signal: AbortSignal): Promise<KubeRead<Item>>;
  /** The versions of an API group that are served; `missing` where the cluster does not know the group. */
  listVersions(group: string, signal: AbortSignal): Promise<KubeRead<string[]>>;
  /** Whether canaryd has a right. */
  mayDo(right: Right, signal: AbortSignal): Promise<KubeRead<boolean>>;
  /** Asks for the server's version, which everybody may read: whether it answers at all. */
  readVersion(signal: AbortSignal): Promise<KubeRead<ServerVersion>>;
  /** Closes idle connections and waits for open requests. */
  close(): Promise<void>;
}

/** Deadlines in milliseconds; a caller's signal may end a call earlier. */
export type KubeOptions = { readTimeoutMs?: number; writeTimeoutMs?: number };

const ServerVersion = z.looseObject({ gitVersion: z.string() });
type ServerVersion = z.infer<typeof ServerVersion>;

const istioGroup = 'networking.istio.io';
/** In the order in which they are tried, the newest first: an old Istio serves only the last. */
const istioVersions = ['v1', 'v1beta1', 'v1alpha3'];

/**
 * Connects to a cluster; sends nothing yet.
 * @throws AppError `configuration` when its credentials cannot be read
 */
export async function connectKube(source: KubeSource, options: KubeOptions = {}): Promise<Kube> {
  const first = await connect(source);
  const client: Client = {
    source,
    shared: { connection: Promise.resolve(first), istioVersion: 'v1' },
    lane: 'ordinary',
    readTimeoutMs: options.readTimeoutMs ?? 3000,
    writeTimeoutMs: options.writeTimeoutMs ?? 8000,
  };
  return {
    ...turnCalls(client),
    urgent: turnCalls({ ...client, lane: 'urgent' }),
    listVirtualServices: (asked, signal) => listPage(client, virtualServicePages, asked, signal),
    listDestinationRules: (namespace, signal) => listDestinationRules(client, namespace, signal),
    listServiceEntries: (namespace, signal) => listServiceEntries(client, namespace, signal),
    readService: (name, signal) => readService(client, name, signal),
    openList: (asked, signal) => openList(client, asked, signal),
    listObjects: (asked, item, signal) => listObjects(client, asked, item, signal),
    readObject: (asked, item, signal) => readObject(client, asked, item, signal),
    listVersions: (group, signal) => listVersions(client, group, signal),
    mayDo: (right, signal) => mayDo(client, right, signal),
    readVersion: (signal) => readVersion(client, signal),
    close: async () => closeAgents(await client.shared.connection),
  };
}

function turnCalls(client: Client): TurnCalls {
  return {
    readVirtualService: (name, signal) => readVirtualService(client, name, signal),
    patchVirtualService: (name, patch, signal, { dryRun } = { dryRun: false }) =>
      patchVirtualService(client, name, { patch, dryRun }, signal),
    listPods: (namespace, labels, signal) => listPods(client, namespace, labels, signal),
    listReplicaSets: (namespace, labels, signal) => listReplicaSets(client, namespace, labels, signal),
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
  { patch, dryRun }: { patch: PatchOperation[]; dryRun: boolean },
  signal: AbortSignal,
): Promise<KubeWritten<VirtualService>> {
  const fault = findBadName(name.namespace, name.name);
  if (fault !== null) return fault;
  return inServedVersion(client, async (version) => {
    const rehearsal = dryRun ? { dryRun: 'All' } : {};
    const parameters = { ...virtualServices, version, ...name, body: patch, fieldManager, ...rehearsal };
    const request: Request = ({ custom }, options) => custom.patchNamespacedCustomObject(parameters, options);
    return writtenAnswer(await ask(client, request, signal, client.writeTimeoutMs), VirtualService);
  });
}

/** Small enough to be read within the deadline of one call. */
const pageSize = 200;

type Pages<Item> = { plural: string; item: z.ZodType<Item> };

async function listPage<Item>(
  client: Client,
  { plural, item }: Pages<Item>,
  { namespace, after }: PageOf,
  signal: AbortSignal,
): Promise<KubeRead<Page<Item>>> {
  const fault = namespace === null ? null : findBadName(namespace);
  if (fault !== null) return fault;
  return inServedVersion(client, async (version) => {
    const continued = after === null ? {} : { _continue: after };
    const parameters = { group: istioGroup, plural, version, limit: pageSize, ...continued };
    const request: Request = ({ custom }, options) =>
      namespace === null
        ? custom.listClusterCustomObject(parameters, options)
        : custom.listNamespacedCustomObject({ ...parameters, namespace }, options);
    return pageFrom(readAnswer(await ask(client, request, signal, client.readTimeoutMs), PageBody), item);
  });
}

const PageBody = listOf(z.unknown()).extend({
  metadata: z.looseObject({ continue: z.string().optional() }).optional(),
});

function pageFrom<Item>(page: Read<z.infer<typeof PageBody>>, item: z.ZodType<Item>): Read<Page<Item>> {
  if (page.kind !== 'found') return page;
  const { items, metadata } = page.value;
  const read = items.map((one) => item.safeParse(one));
  const next = metadata?.continue ?? '';
  return {
    kind: 'found',
    value: { items: read.flatMap(({ data }) => data ?? []), next: next === '' ? null : next },
  };
}

async function listServiceEntries(
  client: Client,
  namespace: string | null,
  signal: AbortSignal,
): Promise<KubeRead<ServiceEntry[]>> {
  const found: ServiceEntry[] = [];
  const stop = await takePages(
    (after) => listPage(client, serviceEntryPages, { namespace, after }, signal),
    (items) => found.push(...items),
  );
  return stop ?? { kind: 'found', value: found };
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

async function readVersion(client: Client, signal: AbortSignal): Promise<KubeRead<ServerVersion>> {
  const request: Request = ({ version }, options) => version.getCode({}, options);
  return served(readAnswer(await ask(client, request, signal, client.readTimeoutMs), ServerVersion));
}

async function mayDo(client: Client, right: Right, signal: AbortSignal): Promise<KubeRead<boolean>> {
  const answer = await ask(client, reviewOf(right), signal, client.readTimeoutMs);
  const read = served(readAnswer(answer, Review));
  return read.kind === 'found' ? { kind: 'found', value: read.value.status.allowed } : read;
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
  labels: Labels,
  signal: AbortSignal,
): Promise<KubeRead<Pod[]>> {
  const fault = findBadName(namespace);
  if (fault !== null) return fault;
  const parameters = { namespace, labelSelector: selectorOf(labels) };
  const request: Request = ({ core }, options) => core.listNamespacedPod(parameters, options);
  return served(readList(await ask(client, request, signal, client.readTimeoutMs), Pod));
}

async function listReplicaSets(
  client: Client,
  namespace: string,
  labels: Labels,
  signal: AbortSignal,
): Promise<KubeRead<ReplicaSet[]>> {
  const fault = findBadName(namespace);
  if (fault !== null) return fault;
  const parameters = { ...replicaSets, namespace, labelSelector: selectorOf(labels) };
  const request: Request = ({ custom }, options) => custom.listNamespacedCustomObject(parameters, options);
  return served(readList(await ask(client, request, signal, client.readTimeoutMs), ReplicaSet));
}

function selectorOf(labels: Labels): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
}

// The client for custom resources reads any group; one for all of apps/v1 would be a third for one list.
const replicaSets = { group: 'apps', version: 'v1', plural: 'replicasets' };
const virtualServices = { group: istioGroup, plural: 'virtualservices' };
const virtualServicePages = { plural: 'virtualservices', item: VirtualService };
const serviceEntryPages = { plural: 'serviceentries', item: ServiceEntry };

/** A name is part of a URL's path, where `..` would lead to another object. */
function findBadName(namespace: string, name: string | null = null): MeshFailure | null {
  if (!KubernetesName.safeParse(namespace).success) return badName(namespace);
  return name === null || NameOfObject.safeParse(name).success ? null : badName(name);
}

function badName(name: string): MeshFailure {
  return unavailable('invalid', `"${name.slice(0, 80)}" is no Kubernetes name`);
}

/** Asks in the version that worked last; the next one when the cluster has no such API. */
async function inServedVersion<Outcome extends { kind: string }>(
  { shared }: Client,
  askIn: (version: string) => Promise<Outcome | { kind: 'notServed' }>,
): Promise<Exclude<Outcome, { kind: 'notServed' }> | MeshFailure> {
  const versions = [
    shared.istioVersion,
    ...istioVersions.filter((version) => version !== shared.istioVersion),
  ];
  for (const version of versions) {
    const outcome = await askIn(version);
    if (!isServed(outcome)) continue;
    shared.istioVersion = version;
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
  return read.kind === 'notServed'
    ? unavailable('invalid', 'the API server does not serve what was asked for')
    : read;
}

const notServed = unavailable(
  'invalid',
  `the API server serves none of ${istioGroup} ${istioVersions.join(', ')} (is Istio installed?): put its CRDs back`,
);

function readList<Item>(answer: ApiAnswer, item: z.ZodType<Item>): Read<Item[]> {
  const list = readAnswer(answer, listOf(item));
  return list.kind === 'found' ? { kind: 'found', value: list.value.items } : list;
}
