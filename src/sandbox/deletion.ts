import { type JsonObject, listAt, textAt } from './json.ts';
import type { ObjectKey } from './resources.ts';
import { type Cause, invalid, type Reply } from './status.ts';
import type { ObjectStore } from './store.ts';

/** Whether an object has been deleted and only waits for its finalizers. */
export function isLeaving(object: JsonObject): boolean {
  return textAt(object, 'metadata', 'deletionTimestamp') !== '';
}

/**
 * Deletes an object, or stamps it when it has finalizers. Returns the object as it stays, or null when it is gone.
 * A second deletion changes nothing.
 */
export function deleteOrMark(store: ObjectStore, key: ObjectKey, object: JsonObject): JsonObject | null {
  if (isLeaving(object)) return object;
  if (finalizersOf(object).length > 0) return store.markDeleted(key, object);
  store.remove(key);
  return null;
}

/** Whether this write takes away the last thing that kept a deleted object. */
export function isReleased(stored: JsonObject, object: JsonObject): boolean {
  return isLeaving(stored) && finalizersOf(object).length === 0;
}

/** An object on its way out takes no new finalizers: the refusal, or null. */
export function newFinalizerRefusal(stored: JsonObject, object: JsonObject, key: ObjectKey): Reply | null {
  if (!isLeaving(stored)) return null;
  const old = finalizersOf(stored);
  const added = finalizersOf(object).filter((name) => !old.includes(name));
  if (added.length === 0) return null;
  const list = added.map((name) => JSON.stringify(name)).join(', ');
  const cause: Cause = {
    reason: 'FieldValueForbidden',
    message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    field: 'metadata.finalizers',
  };
  return invalid({ kind: key.type.kind, group: key.type.group, name: key.name }, [cause]);
}

/** The API server would rather have finalizers named after a domain. */
export function finalizerWarnings(object: JsonObject): string[] {
  const plain = finalizersOf(object).filter((name) => !name.includes('/'));
  return plain.map(
    (name) =>
      `metadata.finalizers: "${name}": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers`,
  );
}

function finalizersOf(object: JsonObject): string[] {
  return listAt(object, 'metadata', 'finalizers').filter((name) => typeof name === 'string');
}
