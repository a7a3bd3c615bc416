import { isObject, type JsonObject, objectAt, textAt, at as valueAt } from '../../src/sandbox/json.ts';
import { applyJsonPatch } from '../../src/sandbox/json-patch.ts';
import { failure, rejectedPatch } from '../../src/sandbox/status.ts';
import { cannedWatches, type Feed, type Watches } from './canned-watch.ts';
import { keyOf, type Place } from './fleet.ts';
import { objectsOf } from './mesh-objects.ts';

export type CannedRequest = { method: string; path: string; query: URLSearchParams; body: string };
export type CannedAnswer = { status: number; body: string; feed?: Feed };

/** A write that changed the canary's weight, in the order of `seq`; `at` in ms since the epoch. */
export type WeightChange = Place & { seq: number; at: number; weight: number };

export type CannedMesh = {
  answer(request: CannedRequest): CannedAnswer;
  /** Requests so far, by what was asked: `list pods`. */
  counts(): Record<string, number>;
  changesAfter(seq: number): WeightChange[];
};

type Asked = { namespace: string | null; plural: string; name: string | null };
type Mesh = {
  /** By plural, then by namespace and name. */
  objects: Map<string, Map<string, JsonObject>>;
  /** What never changes is written once: the answers to lists of pods and ReplicaSets. */
  written: Map<string, string>;
  counts: Map<string, number>;
  changes: WeightChange[];
  watches: Watches;
  version: number;
};

const written = ['pods', 'replicasets', 'services', 'destinationrules'];

/**
 * The part of a Kubernetes API server that canaryd asks: it keeps VirtualServices and applies JSON patches to them,
 * refusing one whose resourceVersion is stale with 409, and serves what stands around them. `now` gives ms.
 */
export function cannedMesh(fleet: Place[], now: () => number): CannedMesh {
  const mesh: Mesh = {
    objects: new Map(),
    written: new Map(),
    counts: new Map(),
    changes: [],
    watches: cannedWatches(() => mesh.version),
    version: 1,
  };
  for (const { plural, object } of fleet.flatMap(objectsOf)) put(mesh, plural, object);
  return {
    answer: (request) => answer(mesh, request, now),
    counts: () => Object.fromEntries(mesh.counts),
    changesAfter: (seq) => mesh.changes.slice(seq),
  };
}

function put(mesh: Mesh, plural: string, object: JsonObject): void {
  const key = keyOf({
    namespace: textAt(object, 'metadata', 'namespace'),
    name: textAt(object, 'metadata', 'name'),
  });
  const ofKind = mesh.objects.get(plural) ?? new Map<string, JsonObject>();
  mesh.objects.set(plural, ofKind.set(key, object));
}

const objectPath =
  /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[a-z]+)(?:\/(?<name>[^/]+))?$/;

function answer(mesh: Mesh, request: CannedRequest, now: () => number): CannedAnswer {
  if (request.path === '/version') return counted(mesh, 'get version', ok({ gitVersion: 'v1.34.0' }));
  const { plural, namespace = null, name = null } = objectPath.exec(request.path)?.groups ?? {};
  if (plural === undefined || !mesh.objects.has(plural)) return notFound(request.path);
  const asked = { plural, namespace, name };
  if (request.method === 'PATCH') return counted(mesh, `patch ${plural}`, patch(mesh, asked, request, now));
  if (name !== null) return counted(mesh, `get ${plural}`, read(mesh, asked));
  if (request.query.get('watch') === 'true')
    return counted(mesh, `watch ${plural}`, watch(mesh, asked, request));
  return counted(mesh, `list ${plural}`, list(mesh, asked, request));
}

function counted(mesh: Mesh, what: string, answered: CannedAnswer): CannedAnswer {
  mesh.counts.set(what, (mesh.counts.get(what) ?? 0) + 1);
  return answered;
}

function find({ objects }: Mesh, { plural, namespace, name }: Asked): JsonObject | undefined {
  return objects.get(plural)?.get(`${namespace}/${name}`);
}

function read(mesh: Mesh, asked: Asked): CannedAnswer {
  const object = find(mesh, asked);
  return object === undefined ? notFound(`${asked.plural} "${asked.name}"`) : ok(object);
}

function list(mesh: Mesh, asked: Asked, { path, query }: CannedRequest): CannedAnswer {
  const selector = query.get('labelSelector') ?? '';
  const key = `${path}?${selector}`;
  const before = mesh.written.get(key);
  if (before !== undefined) return { status: 200, body: before };
  const answered = ok({
    kind: 'List',
    apiVersion: 'v1',
    metadata: { resourceVersion: String(mesh.version) },
    items: selected(mesh, asked, selector),
  });
  if (written.includes(asked.plural)) mesh.written.set(key, answered.body);
  return answered;
}

function watch({ watches }: Mesh, { plural, namespace }: Asked, { query }: CannedRequest): CannedAnswer {
  return { status: 200, body: '', feed: watches.open(plural, namespace ?? '', query) };
}

function selected({ objects }: Mesh, { plural, namespace }: Asked, selector: string): JsonObject[] {
  const wanted = selector === '' ? [] : selector.split(',').map((term) => term.split('='));
  return [...(objects.get(plural)?.values() ?? [])].filter((object) => {
    if (namespace !== null && textAt(object, 'metadata', 'namespace') !== namespace) return false;
    const labels = objectAt(object, 'metadata', 'labels');
    return wanted.every(([label = '', value]) => labels[label] === value);
  });
}

function patch(mesh: Mesh, asked: Asked, { body }: CannedRequest, now: () => number): CannedAnswer {
  const before = find(mesh, asked);
  if (before === undefined) return notFound(`${asked.plural} "${asked.name}"`);
  const result = applyJsonPatch(before, body);
  if (result.kind !== 'patched' || !isObject(result.value)) return replied(rejectedPatch());
  const metadata = objectAt(result.value, 'metadata');
  if (metadata['resourceVersion'] !== objectAt(before, 'metadata')['resourceVersion']) return stale(asked);
  mesh.version += 1;
  const after = { ...result.value, metadata: { ...metadata, resourceVersion: String(mesh.version) } };
  put(mesh, asked.plural, after);
  mesh.watches.tell(asked.plural, mesh.version, after);
  noteChange(mesh, before, after, now);
  return ok(after);
}

function noteChange(mesh: Mesh, before: JsonObject, after: JsonObject, now: () => number): void {
  const weight = canaryWeight(after);
  if (weight === canaryWeight(before)) return;
  const { namespace, name } = objectAt(after, 'metadata');
  const place = { namespace: String(namespace), name: String(name) };
  mesh.changes.push({ seq: mesh.changes.length + 1, at: now(), weight, ...place });
}

function canaryWeight(virtualService: JsonObject): number {
  return Number(valueAt(virtualService, 'spec', 'http', 0, 'route', 1, 'weight') ?? 0);
}

function ok(body: JsonObject): CannedAnswer {
  return { status: 200, body: JSON.stringify(body) };
}

function notFound(what: string): CannedAnswer {
  return replied(failure({ code: 404, reason: 'NotFound', message: `${what} not found` }));
}

function stale({ plural, name }: Asked): CannedAnswer {
  const message = `Operation cannot be fulfilled on ${plural} "${name}": the object has been modified`;
  return replied(failure({ code: 409, reason: 'Conflict', message }));
}

function replied({ status, body }: ReturnType<typeof failure>): CannedAnswer {
  return { status, body: JSON.stringify(body) };
}
