import { decodeCandidate, validate } from './candidate.ts';
import { isLeaving } from './deletion.ts';
import { reviewByIstiod } from './istiod.ts';
import { isObject, type Json, type JsonObject, objectAt, textAt } from './json.ts';
import { freshNamespace, terminatingRefusal } from './namespaces.ts';
import { alreadyExists, notFound, present } from './replies.ts';
import { type ApiRequest, fieldManagerOf } from './request.ts';
import { namespaces, type ObjectKey } from './resources.ts';
import { answer, failure, invalid, type Reply } from './status.ts';
import { created, type ObjectStore } from './store.ts';
import type { Cluster, Write } from './write.ts';
import {
  mediaType,
  parseBody,
  undecodableBody,
  unknownFieldWarnings,
  unsupportedMedia,
} from './write-body.ts';
import { readWriteOptions } from './write-options.ts';

/** POST to a collection. */
export function createObject(cluster: Cluster, write: Write): Reply {
  const { request, version } = write;
  if (!['', 'application/json', 'application/yaml'].includes(mediaType(request))) {
    return unsupportedMedia(['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']);
  }
  const options = readWriteOptions(request, 'CreateOptions');
  if ('body' in options) return options;
  const candidate = withName(cluster.store, parseBody(request));
  if (candidate === undefined) return undecodableBody(write.key.type.kind);
  const key = { ...write.key, name: textAt(candidate, 'metadata', 'name') };
  const strict = options.fieldValidation === 'Strict';
  const decoded = decodeCandidate(candidate, key, { source: 'create', version, strict, name: '' });
  if (!decoded.ok) return decoded.reply;
  const refusal = creationRefusal(cluster, key, decoded.value.object);
  if (refusal !== null) return refusal;
  const review = reviewByIstiod(decoded.value.object, cluster.webhook(), options.dryRun);
  if (review.denial !== null) return review.denial;
  const result = storeNew(cluster, key, decoded.value.object, { request, dryRun: options.dryRun });
  const warnings = [...unknownFieldWarnings(decoded.value.unknown, options), ...review.warnings];
  return answer(201, present(result, key.type, version), warnings);
}

/** An object without a name gets one that begins with its `generateName`. */
function withName(store: ObjectStore, candidate: Json | undefined): Json | undefined {
  const start = textAt(candidate, 'metadata', 'generateName');
  if (!isObject(candidate) || start === '' || textAt(candidate, 'metadata', 'name') !== '') return candidate;
  const name = `${start}${store.nameEnding()}`;
  return { ...candidate, metadata: { ...objectAt(candidate, 'metadata'), name } };
}

function storeNew(
  cluster: Cluster,
  key: ObjectKey,
  given: JsonObject,
  { request, dryRun }: { request: ApiRequest; dryRun: boolean },
): JsonObject {
  const object = key.type === namespaces ? freshNamespace(given, key.name) : given;
  const manager = fieldManagerOf(request);
  if (!dryRun) return cluster.store.create(key, object, manager);
  const time = cluster.now().toISOString();
  return created(key, object, { manager, time, uid: '00000000-0000-4000-8000-000000000000' });
}

function creationRefusal({ store }: Cluster, key: ObjectKey, object: JsonObject): Reply | null {
  const subject = { kind: key.type.kind, group: key.type.group, name: key.name };
  if (key.name === '') {
    const message = 'Required value: name or generateName is required';
    return invalid(subject, [{ reason: 'FieldValueRequired', message, field: 'metadata.name' }]);
  }
  if (textAt(object, 'metadata', 'resourceVersion') !== '') {
    return failure({ code: 500, message: 'resourceVersion should not be set on objects to be created' });
  }
  const home = { type: namespaces, namespace: '', name: key.namespace };
  if (key.type.namespaced && store.get(home) === null) return notFound(home);
  const terminating = terminatingRefusal(store, key);
  if (terminating !== null) return terminating;
  const valid = validate(object, key);
  if (!valid.ok) return valid.reply;
  const there = store.get(key);
  return there === null ? null : alreadyExists(key, isLeaving(there));
}
