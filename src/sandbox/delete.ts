import { type JsonObject, textAt } from './json.ts';
import { conflict, detailsOf, notFound } from './replies.ts';
import { answer, type Reply } from './status.ts';
import type { Cluster, Write } from './write.ts';
import { parseJson } from './write-body.ts';
import { readWriteOptions } from './write-options.ts';

/** DELETE of one object, with optional preconditions in the body. */
export function deleteObject(cluster: Cluster, write: Write): Reply {
  const options = readWriteOptions(write.request, 'DeleteOptions');
  if ('body' in options) return options;
  const stored = cluster.store.get(write.key);
  if (stored === null) return notFound(write.key);
  const refusal = deletionRefusal(write, stored);
  if (refusal !== null) return refusal;
  if (!options.dryRun) cluster.store.remove(write.key);
  const details = { ...detailsOf(write.key), uid: textAt(stored, 'metadata', 'uid') };
  return answer(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
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
