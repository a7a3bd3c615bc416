import { z } from 'zod';
import type { MeshFailure } from '../rollout/ports/mesh.ts';
import { KubernetesName, ObjectName } from '../rollout/units.ts';
import { type ApiAnswer, type Read, readAnswer, unavailable } from './api-answer.ts';
import { listOf } from './cluster-objects.ts';
import { getJson } from './get-json.ts';
import type { Client } from './kube-client.ts';
import { type Page, takePages } from './pages.ts';
import { shownPath } from './virtual-service.ts';

/** A kind of object and where it is served; the versions in the order in which they are tried. */
type ApiKind = { kind: string; group: string; versions: readonly string[]; plural: string };

/** A list of one kind; a namespace of null is every namespace, `labels` is a label selector. */
export type AskedObjects = ApiKind & { namespace: string | null; labels?: string };
/** A namespace of null is for what belongs to none. */
export type AskedObject = ApiKind & { namespace: string | null; name: string };

/** `broken`: a sentence about each object that is not understood. */
export type Listed<Item> = { items: Item[]; broken: string[] };

/** `missing` for what is not there, and for a kind that the cluster does not serve. */
type ObjectsRead<Value> = { kind: 'found'; value: Value } | { kind: 'missing' } | MeshFailure;

/** Small enough to be read within the deadline of one call. */
const pageSize = 100;
/** More would not fit into the memory of a worker. */
const mostObjects = 10_000;

/**
 * Reads all pages of a list, each with a deadline. An object that `item` does not accept is left out and told of; a list
 * of which a page cannot be read is not read at all.
 */
export async function listObjects<Item>(
  client: Client,
  asked: AskedObjects,
  item: z.ZodType<Item>,
  signal: AbortSignal,
): Promise<ObjectsRead<Listed<Item>>> {
  const fault = badName(asked.namespace, null);
  if (fault !== null) return fault;
  for (const version of asked.versions) {
    const read = await listIn(client, { ...asked, version }, item, signal);
    if (read.kind === 'unavailable' && read.reason === 'forbidden')
      return (await isServed(client, asked, signal)) ? read : { kind: 'missing' };
    if (read.kind !== 'missing') return read;
  }
  return { kind: 'missing' };
}

/** Reads one object. */
export async function readObject<Item>(
  client: Client,
  asked: AskedObject,
  item: z.ZodType<Item>,
  signal: AbortSignal,
): Promise<ObjectsRead<Item>> {
  const fault = badName(asked.namespace, asked.name);
  if (fault !== null) return fault;
  for (const version of asked.versions) {
    const path = `${pathOf({ ...asked, version })}/${asked.name}`;
    const read: Read<Item> = readAnswer(await getJson(client, path, signal), item);
    if (read.kind !== 'notServed') return read;
  }
  return { kind: 'missing' };
}

/** The versions of an API group in which the cluster serves it; `missing` where it does not know the group. */
export async function listVersions(
  client: Client,
  group: string,
  signal: AbortSignal,
): Promise<ObjectsRead<string[]>> {
  const read = readAnswer(await getJson(client, `/apis/${group}`, signal), Group);
  if (read.kind === 'notServed') return { kind: 'missing' };
  if (read.kind !== 'found') return read;
  return { kind: 'found', value: read.value.versions.map(({ version }) => version) };
}

const Group = z.looseObject({ versions: z.array(z.looseObject({ version: z.string() })) });

type InVersion = Pick<AskedObjects, 'kind' | 'group' | 'plural' | 'namespace' | 'labels'> & {
  version: string;
};

async function listIn<Item>(
  client: Client,
  asked: InVersion,
  item: z.ZodType<Item>,
  signal: AbortSignal,
): Promise<ObjectsRead<Listed<Item>>> {
  const items: Item[] = [];
  const broken: string[] = [];
  const stop = await takePages<unknown>(
    async (after) => {
      if (items.length + broken.length >= mostObjects) return tooMany;
      return pageFrom(await getJson(client, `${pathOf(asked)}?${queryOf(asked, after)}`, signal));
    },
    (page) => {
      for (const raw of page) {
        const parsed = item.safeParse(withKind(raw, asked.kind));
        if (parsed.success) items.push(parsed.data);
        else broken.push(notUnderstood(asked.kind, raw, parsed.error));
      }
    },
  );
  return stop ?? { kind: 'found', value: { items, broken } };
}

const tooMany = unavailable('invalid', `there are more than ${mostObjects}, which canaryd does not read`);

function queryOf({ labels }: InVersion, after: string | null): URLSearchParams {
  return new URLSearchParams({
    limit: String(pageSize),
    ...(labels === undefined ? {} : { labelSelector: labels }),
    ...(after === null ? {} : { continue: after }),
  });
}

function pathOf({ group, version, namespace, plural }: Omit<InVersion, 'kind'>): string {
  const within = namespace === null ? '' : `/namespaces/${namespace}`;
  return `${apiPath(group, version)}${within}/${plural}`;
}

function apiPath(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

const PageBody = listOf(z.unknown()).extend({
  metadata: z.looseObject({ continue: z.string().optional() }).optional(),
});

function pageFrom(answer: ApiAnswer): ObjectsRead<Page<unknown>> {
  const read = readAnswer(answer, PageBody);
  // A namespace that is not there has empty lists: what is not found is the kind.
  if (read.kind === 'notServed') return { kind: 'missing' };
  if (read.kind !== 'found') return read;
  const { items, metadata } = read.value;
  const next = metadata?.continue ?? '';
  return { kind: 'found', value: { items, next: next === '' ? null : next } };
}

/** The API server leaves the kind out of the items of its own lists. */
function withKind(raw: unknown, kind: string): unknown {
  return typeof raw === 'object' && raw !== null ? { kind, ...raw } : raw;
}

const Named = z.object({ metadata: z.object({ name: z.string(), namespace: z.string().optional() }) });

function notUnderstood(kind: string, raw: unknown, error: z.ZodError): string {
  const named = Named.safeParse(raw).data?.metadata;
  const name = [named?.namespace, named?.name].filter((part) => part !== undefined).join('/');
  const steps = (error.issues[0]?.path ?? []).map((step) => (typeof step === 'number' ? step : String(step)));
  const what = steps.length === 0 ? 'it' : shownPath(steps);
  return `${kind} ${name === '' ? 'without a name' : name}: ${what} is not understood`;
}

const Resources = z.looseObject({ resources: z.array(z.looseObject({ name: z.string() })) });

/**
 * Whether a kind is served: who may not list it is refused before anybody looks whether there is such a kind. Every user
 * may ask what is served, and one who may not is taken at the refusal's word.
 */
async function isServed(
  client: Client,
  { group, versions, plural }: ApiKind,
  signal: AbortSignal,
): Promise<boolean> {
  for (const version of versions) {
    const read = readAnswer(await getJson(client, apiPath(group, version), signal), Resources);
    if (read.kind === 'unavailable') return true;
    if (read.kind === 'found' && read.value.resources.some(({ name }) => name === plural)) return true;
  }
  return false;
}

/** A name is part of a URL's path, where `..` would lead to another object. */
function badName(namespace: string | null, name: string | null): MeshFailure | null {
  const isBad =
    (namespace !== null && !KubernetesName.safeParse(namespace).success) ||
    (name !== null && !ObjectName.safeParse(name).success);
  if (!isBad) return null;
  const shown = [namespace, name].filter((part) => part !== null).join('/');
  return unavailable('invalid', `"${shown.slice(0, 80)}" is no Kubernetes name`);
}
