import { type JsonObject, objectAt, sameJson, without } from './json.ts';
import { withFieldOwner } from './managed-fields.ts';
import { seededRandom, uuidFrom } from './random.ts';
import { apiVersionOf, type ResourceType } from './resources.ts';

/** Names one object; `namespace` is empty for cluster-scoped kinds. */
export type ObjectKey = { type: ResourceType; namespace: string; name: string };

/** The state of the simulated cluster. Objects handed out are never changed in place. */
export type ObjectStore = {
  get(key: ObjectKey): JsonObject | null;
  list(type: ResourceType, namespace?: string): JsonObject[];
  /** Stores a new object with fresh uid, generation 1 and a new resourceVersion. */
  create(key: ObjectKey, object: JsonObject, manager: string): JsonObject;
  /** What `update` would store, without storing it (for dry runs). */
  updated(key: ObjectKey, object: JsonObject, manager: string): JsonObject;
  /** Replaces an object; the same object back means that nothing changed and no version was spent. */
  update(key: ObjectKey, object: JsonObject, manager: string): JsonObject;
  remove(key: ObjectKey): void;
  /** The newest resourceVersion handed out. */
  version(): number;
};

/** `now` gives the wall time of creation stamps; `seed` makes the uids repeatable. */
export function createStore(options: { seed: number; now: () => Date }): ObjectStore {
  const objects = new Map<string, JsonObject>();
  const random = seededRandom(options.seed ^ 0x5bd1e995);
  let version = 1000;
  const stamp = () =>
    options
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');

  const updated: ObjectStore['updated'] = (key, object, manager) => {
    const before = objects.get(keyText(key)) ?? {};
    return revised(before, { ...object, apiVersion: storedVersion(key.type) }, { manager, time: stamp() });
  };
  const keep = (key: ObjectKey, object: JsonObject) => {
    version += 1;
    const metadata = { ...objectAt(object, 'metadata'), resourceVersion: String(version) };
    const stored = { ...object, metadata };
    objects.set(keyText(key), stored);
    return stored;
  };

  return {
    get: (key) => objects.get(keyText(key)) ?? null,
    list: (type, namespace) => {
      const prefix = namespace === undefined ? `${typeText(type)}/` : `${typeText(type)}/${namespace}/`;
      const found = [...objects].filter(([name]) => name.startsWith(prefix));
      return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    },
    create: (key, object, manager) =>
      keep(key, created(key, object, { manager, time: stamp(), uid: uuidFrom(random) })),
    updated,
    update: (key, object, manager) => {
      const before = objects.get(keyText(key));
      const after = updated(key, object, manager);
      return before !== undefined && sameJson(before, after) ? before : keep(key, after);
    },
    remove: (key) => {
      if (objects.delete(keyText(key))) version += 1;
    },
    version: () => version,
  };
}

function typeText(type: ResourceType): string {
  return `${type.group}/${type.plural}`;
}

function keyText(key: ObjectKey): string {
  return `${typeText(key.type)}/${key.namespace}/${key.name}`;
}

function storedVersion(type: ResourceType): string {
  return apiVersionOf(type, type.versions[0]);
}

/** The object as a creation would store it, without its resourceVersion: what a dry run answers. */
export function created(
  key: ObjectKey,
  object: JsonObject,
  stamp: { manager: string; time: string; uid: string },
): JsonObject {
  const metadata: JsonObject = {
    ...without(objectAt(object, 'metadata'), ['resourceVersion', 'managedFields', 'selfLink']),
    creationTimestamp: stamp.time,
    generation: 1,
    name: key.name,
    uid: stamp.uid,
    ...(key.namespace === '' ? {} : { namespace: key.namespace }),
  };
  const fresh = { ...object, apiVersion: storedVersion(key.type), kind: key.type.kind, metadata };
  return withFieldOwner({}, fresh, stamp);
}

/** Server-owned metadata stays, the generation moves only with something other than metadata and status. */
function revised(
  before: JsonObject,
  after: JsonObject,
  stamp: { manager: string; time: string },
): JsonObject {
  const old = objectAt(before, 'metadata');
  const owned = [
    'uid',
    'creationTimestamp',
    'generation',
    'resourceVersion',
    'managedFields',
    'namespace',
    'name',
  ];
  const body = (object: JsonObject) => without(object, ['metadata', 'status', 'apiVersion']);
  const generation = Number(old['generation'] ?? 1) + (sameJson(body(before), body(after)) ? 0 : 1);
  const kept = Object.fromEntries(Object.entries(old).filter(([key]) => owned.includes(key)));
  const metadata = { ...dropEmptyMaps(without(objectAt(after, 'metadata'), owned)), ...kept, generation };
  return withFieldOwner(before, { ...after, metadata }, stamp);
}

function dropEmptyMaps(metadata: JsonObject): JsonObject {
  const isEmpty = (key: string) => sameJson(metadata[key], {}) || metadata[key] === null;
  return without(metadata, ['labels', 'annotations'].filter(isEmpty));
}
