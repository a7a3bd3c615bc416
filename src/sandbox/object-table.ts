import { type Change, createHistory, type History } from './history.ts';
import { type JsonObject, objectAt } from './json.ts';
import type { ObjectKey, ResourceType } from './resources.ts';

/** The objects by key, with one count of versions for all of them and the history of their changes. */
export type ObjectTable = {
  get(key: ObjectKey): JsonObject | null;
  list(type: ResourceType, namespace?: string): JsonObject[];
  /** The objects as they stood at a version, in the order of `list`; null when that is forgotten. */
  listAt(version: number, type: ResourceType, namespace?: string): JsonObject[] | null;
  /** Stores the object under a new version and gives it back with that. */
  put(key: ObjectKey, object: JsonObject): JsonObject;
  remove(key: ObjectKey): void;
  history: History;
  /** The newest resourceVersion handed out. */
  version(): number;
};

type Objects = ReadonlyMap<string, JsonObject>;

/** An empty table whose first change gets the version after `first`. */
export function createObjectTable(first: number): ObjectTable {
  const objects = new Map<string, JsonObject>();
  const history = createHistory(first);
  let version = first;
  return {
    get: (key) => objects.get(keyText(key)) ?? null,
    list: (type, namespace) => selected(objects, type, namespace),
    listAt: (at, type, namespace) => {
      const later = history.since(at);
      return later === null ? null : selected(undone(objects, later), type, namespace);
    },
    put: (key, object) => {
      version += 1;
      const before = objects.get(keyText(key)) ?? null;
      const metadata = { ...objectAt(object, 'metadata'), resourceVersion: String(version) };
      const after = { ...object, metadata };
      objects.set(keyText(key), after);
      history.record({ version, key, before, after });
      return after;
    },
    remove: (key) => {
      const before = objects.get(keyText(key));
      if (before === undefined) return;
      version += 1;
      objects.delete(keyText(key));
      history.record({ version, key, before, after: null });
    },
    history,
    version: () => version,
  };
}

function selected(objects: Objects, type: ResourceType, namespace: string | undefined): JsonObject[] {
  const prefix = namespace === undefined ? `${typeText(type)}/` : `${typeText(type)}/${namespace}/`;
  const found = [...objects].filter(([name]) => name.startsWith(prefix));
  return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

/** The objects before these changes. */
function undone(objects: Objects, changes: readonly Change[]): Objects {
  const earlier = new Map(objects);
  for (const { key, before } of changes.toReversed()) {
    if (before === null) earlier.delete(keyText(key));
    else earlier.set(keyText(key), before);
  }
  return earlier;
}

function typeText(type: ResourceType): string {
  return `${type.group}/${type.plural}`;
}

function keyText(key: ObjectKey): string {
  return `${typeText(key.type)}/${key.namespace}/${key.name}`;
}
