import type { JsonObject } from './json.ts';
import { apiVersionOf, type ObjectKey, qualifiedName, type ResourceType } from './resources.ts';
import { failure, type Reply } from './status.ts';

/** An object as one of its served versions; every version is the same object under another apiVersion. */
export function present(object: JsonObject, type: ResourceType, version: string): JsonObject {
  return { ...object, apiVersion: apiVersionOf(type, version), kind: type.kind };
}

export function notFound(key: ObjectKey): Reply {
  const message = `${qualifiedName(key.type)} "${key.name}" not found`;
  return failure({ code: 404, reason: 'NotFound', message, details: detailsOf(key) });
}

/** The optimistic lock: somebody wrote the object since the version the writer names. */
export function staleVersion(key: ObjectKey): Reply {
  return conflict(
    key,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

export function conflict(key: ObjectKey, cause: string): Reply {
  const message = `Operation cannot be fulfilled on ${qualifiedName(key.type)} "${key.name}": ${cause}`;
  return failure({ code: 409, reason: 'Conflict', message, details: detailsOf(key) });
}

/** The name is taken; `isLeaving` says that its owner is deleted and waits for finalizers. */
export function alreadyExists(key: ObjectKey, isLeaving: boolean): Reply {
  const message = `${isLeaving ? 'object is being deleted: ' : ''}${qualifiedName(key.type)} "${key.name}" already exists`;
  return failure({ code: 409, reason: 'AlreadyExists', message, details: detailsOf(key) });
}

/** `details.kind` of these answers is the plural, unlike in a 422. */
export function detailsOf(key: ObjectKey): JsonObject {
  const { group, plural } = key.type;
  return { name: key.name, ...(group === '' ? {} : { group }), kind: plural };
}
