import { deleteOrMark } from './deletion.ts';
import { type JsonObject, textAt } from './json.ts';
import { readSelection } from './list-options.ts';
import { deleteNamespace } from './namespaces.ts';
import { listObject, type Place } from './read.ts';
import { conflict, detailsOf, notFound, present } from './replies.ts';
import type { ApiRequest } from './request.ts';
import { namespaces, type ObjectKey } from './resources.ts';
import { answer, type Reply } from './status.ts';
import type { Cluster, Write } from './write.ts';
import { parseJson } from './write-body.ts';
import { readWriteOptions } from './write-options.ts';

/** DELETE of one object, with optional preconditions in the body. What has to wait for finalizers is answered as it stays. */
export function deleteObject(cluster: Cluster, write: Write): Reply {
  const options = readWriteOptions(write.request, 'DeleteOptions');
  if ('body' in options) return options;
  const { key, version } = write;
  const stored = cluster.store.get(key);
  if (stored === null) return notFound(key);
  const refusal = deletionRefusal(write, stored);
  if (refusal !== null) return refusal;
  const left = options.dryRun ? null : remove(cluster, key, stored);
  if (left !== null) return answer(200, present(left, key.type, version));
  const details = { ...detailsOf(key), uid: textAt(stored, 'metadata', 'uid') };
  return answer(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}

/** DELETE of a collection: everything in it that the selectors fit. Answers the list as it was. */
export function deleteCollection(
  cluster: Cluster,
  place: Place,
  version: string,
  request: ApiRequest,
): Reply {
  const options = readWriteOptions(request, 'DeleteOptions');
  if ('body' in options) return options;
  const selection = readSelection(request);
  if (!selection.ok) return selection.reply;
  const { type } = place;
  const metadata = { continue: '', resourceVersion: String(cluster.store.version()) };
  const all = cluster.store.list(type, place.namespace === '' ? undefined : place.namespace);
  const objects = all.filter(selection.value.selects);
  for (const object of options.dryRun ? [] : objects) {
    const namespace = textAt(object, 'metadata', 'namespace');
    remove(cluster, { type, namespace, name: textAt(object, 'metadata', 'name') }, object);
  }
  return answer(200, listObject(type, version, objects, metadata));
}

function remove({ store, after }: Cluster, key: ObjectKey, stored: JsonObject): JsonObject | null {
  if (key.type === namespaces) return deleteNamespace(store, after, key, stored);
  return deleteOrMark(store, key, stored);
}

function deletionRefusal({ key, request }: Write, stored: JsonObject): Reply | null {
  const body = parseJson(request.body) ?? {};
  const checks = [
    { field: 'uid', label: 'UID', hint: 'The object might have been deleted and then recreated' },
    { field: 'resourceVersion', label: 'ResourceVersion', hint: 'The object might have been modified' },
  ];
  for (const { field, label, hint } of checks) {
    const wanted = textAt(body, 'preconditions', field);
    const found = textAt(stored, 'metadata', field);
    if (wanted === '' || wanted === found) continue;
    return conflict(
      key,
      `the ${label} in the precondition (${wanted}) does not match the ${label} in record (${found}). ${hint}`,
    );
  }
  return null;
}
