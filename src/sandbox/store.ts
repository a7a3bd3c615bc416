import { type JsonObject, objectAt, sameJson, without } from './json.ts';
import { withFieldOwner } from './managed-fields.ts';
import { createObjectTable, type ObjectTable } from './object-table.ts';
import { lettersFrom, seededRandom, uuidFrom } from './random.ts';
import { apiVersionOf, type ObjectKey, type ResourceType } from './resources.ts';

/** The state of the simulated cluster. Objects handed out are never changed in place. */
export type ObjectStore = Omit<ObjectTable, 'put'> & {
  /** Stores a new object with fresh uid, generation 1 and a new resourceVersion. */
  create(key: ObjectKey, object: JsonObject, manager: string): JsonObject;
  /** What `update` would store, without storing it (for dry runs). */
  updated(key: ObjectKey, object: JsonObject, manager: string): JsonObject;
  /** Replaces an object; the same object back means that nothing changed and no version was spent. */
  update(key: ObjectKey, object: JsonObject, manager: string): JsonObject;
  /** Sets the stamps of a deletion that waits for finalizers; gives back the object as it is then stored. */
  markDeleted(key: ObjectKey, object: JsonObject): JsonObject;
  /** The ending of a generated name: five letters as Kubernetes picks them. */
  nameEnding(): string;
};

/** `now` gives the wall time of creation stamps; `seed` makes the uids repeatable. */
export function createStore(options: { seed: number; now: () => Date }): ObjectStore {
  const { put, ...table } = createObjectTable(1000);
  const random = seededRandom(options.seed ^ 0x5bd1e995);
  const stamp = () =>
    options
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
  const updated: ObjectStore['updated'] = (key, object, manager) => {
    const before = table.get(key) ?? {};
    return revised(before, { ...object, apiVersion: storedVersion(key.type) }, { manager, time: stamp() });
  };
  return {
    ...table,
    create: (key, object, manager) =>
      put(key, created(key, object, { manager, time: stamp(), uid: uuidFrom(random) })),
    updated,
    update: (key, object, manager) => {
      const before = table.get(key);
      const after = updated(key, object, manager);
      return before !== null && sameJson(before, after) ? before : put(key, after);
    },
    markDeleted: (key, object) => put(key, doomed(object, stamp())),
    nameEnding: () => lettersFrom(random, 5),
  };
}

/** A deletion that waits counts as a change of the object itself, so the generation moves. */
function doomed(object: JsonObject, deletionTimestamp: string): JsonObject {
  const metadata = objectAt(object, 'metadata');
  const generation = Number(metadata['generation'] ?? 1) + 1;
  return {
    ...object,
    metadata: { ...metadata, deletionGracePeriodSeconds: 0, deletionTimestamp, generation },
  };
}

function storedVersion(type: ResourceType): string {
  return apiVersionOf(type, type.versions[0]);
}

const notForClients = [
  'resourceVersion',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];

/** The object as a creation would store it, without its resourceVersion: what a dry run answers. */
export function created(
  key: ObjectKey,
  object: JsonObject,
  stamp: { manager: string; time: string; uid: string },
): JsonObject {
  const metadata: JsonObject = {
    ...without(objectAt(object, 'metadata'), notForClients),
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
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
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
