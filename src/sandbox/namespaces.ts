import type { After } from './clock.ts';
import { deleteOrMark, isLeaving } from './deletion.ts';
import { type JsonObject, objectAt, textAt } from './json.ts';
import { namespaces, type ObjectKey, resourceTypes } from './resources.ts';
import { failure, type Reply } from './status.ts';
import type { ObjectStore } from './store.ts';

/** How long the simulated namespace controller takes from one look at a namespace in deletion to the next. */
const sweepEveryMs = 100;

/** A namespace as it is stored when a client creates it: with its name as a label, its finalizer and its phase. */
export function freshNamespace(object: JsonObject, name: string): JsonObject {
  const metadata = objectAt(object, 'metadata');
  const labels = { ...objectAt(metadata, 'labels'), 'kubernetes.io/metadata.name': name };
  return {
    ...object,
    metadata: { ...metadata, labels },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}

/**
 * Begins the deletion of a namespace: nothing more can be created in it, its objects go, and the namespace with the
 * last of them. Returns the namespace as it stands after the request.
 */
export function deleteNamespace(
  store: ObjectStore,
  after: After,
  key: ObjectKey,
  stored: JsonObject,
): JsonObject {
  if (isLeaving(stored)) return stored;
  const marked = store.markDeleted(key, { ...stored, status: { phase: 'Terminating' } });
  after(sweepEveryMs, () => sweep(store, after, key));
  return marked;
}

function sweep(store: ObjectStore, after: After, key: ObjectKey): void {
  if (emptyNamespace(store, key.name)) store.remove(key);
  else after(sweepEveryMs, () => sweep(store, after, key));
}

/** Whether nothing is left; objects with finalizers stay until those are gone. */
function emptyNamespace(store: ObjectStore, namespace: string): boolean {
  let isEmpty = true;
  for (const type of resourceTypes.filter(({ namespaced }) => namespaced)) {
    for (const object of store.list(type, namespace)) {
      const key = { type, namespace, name: textAt(object, 'metadata', 'name') };
      isEmpty = deleteOrMark(store, key, object) === null && isEmpty;
    }
  }
  return isEmpty;
}

/** The refusal to create something in a namespace that is going, or null. */
export function terminatingRefusal(store: ObjectStore, key: ObjectKey): Reply | null {
  const home = store.get({ type: namespaces, namespace: '', name: key.namespace });
  if (home === null || !isLeaving(home)) return null;
  const { group, plural } = key.type;
  const what = `${group === '' ? plural : `${plural}.${group}`} "${key.name}"`;
  const message = `${what} is forbidden: unable to create new content in namespace ${key.namespace} because it is being terminated`;
  const causes = [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${key.namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ];
  const details = { name: key.name, ...(group === '' ? {} : { group }), kind: plural, causes };
  return failure({ code: 403, reason: 'Forbidden', message, details });
}
