import { checkPreconditions, decodeCandidate, type Source, validate } from './candidate.ts';
import type { After } from './clock.ts';
import { finalizerWarnings, isReleased, newFinalizerRefusal } from './deletion.ts';
import { reviewByIstiod, type WebhookMode } from './istiod.ts';
import { isObject, type Json, type JsonObject, without } from './json.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { notFound, present } from './replies.ts';
import { type ApiRequest, fieldManagerOf } from './request.ts';
import { isCustom, type ObjectKey } from './resources.ts';
import {
  answer,
  badRequest,
  failure,
  type Outcome,
  proceed,
  type Reply,
  refuse,
  rejectedPatch,
} from './status.ts';
import type { ObjectStore } from './store.ts';
import {
  mediaType,
  parseJson,
  undecodableBody,
  unknownFieldWarnings,
  unsupportedMedia,
  unsupportedPatch,
} from './write-body.ts';
import { readWriteOptions, type WriteOptions } from './write-options.ts';

/** One write to a named object (the name is empty for a creation), by the version of the URL. */
export type Write = { request: ApiRequest; key: ObjectKey; version: string; subresource: string };
export type Cluster = { store: ObjectStore; webhook: () => WebhookMode; now: () => Date; after: After };

const patchTypes = ['application/json-patch+json', 'application/merge-patch+json'];
const acceptedPatchTypes = [...patchTypes, 'application/apply-patch+yaml'];

/** PATCH: JSON patch or merge patch. Nothing is stored unless every check passes. */
export function patchObject(cluster: Cluster, write: Write): Reply {
  const contentType = mediaType(write.request);
  if (!patchTypes.includes(contentType)) {
    return isCustom(write.key.type) ? unsupportedMedia(acceptedPatchTypes) : unsupportedPatch();
  }
  const options = readWriteOptions(write.request, 'PatchOptions');
  if ('body' in options) return options;
  const stored = cluster.store.get(write.key);
  if (stored === null) return notFound(write.key);
  const shown = present(stored, write.key.type, write.version);
  const patched = contentType === patchTypes[0] ? jsonPatched(shown, write) : mergePatched(shown, write);
  if (!patched.ok) return patched.reply;
  return replaceStored(cluster, write, { stored, candidate: patched.value, options, source: 'patch' });
}

function jsonPatched(shown: JsonObject, { request }: Write): Outcome<Json> {
  const result = applyJsonPatch(shown, request.body);
  switch (result.kind) {
    case 'patched':
      return proceed(result.value);
    case 'undecodable':
      return refuse(badRequest(result.message));
    case 'rejected':
      return refuse(rejectedPatch());
    case 'tooManyOperations': {
      const message = `Request entity too large: The allowed maximum operations in a JSON patch is 10000, got ${result.count}`;
      return refuse(failure({ code: 413, reason: 'RequestEntityTooLarge', message }));
    }
  }
}

function mergePatched(shown: JsonObject, { request }: Write): Outcome<Json> {
  const patch = parseJson(request.body);
  if (patch === undefined) return refuse(badRequest('error decoding patch: unexpected end of JSON input'));
  if (patch === null) return refuse(badRequest('Invalid JSON Patch'));
  if (isObject(patch)) return proceed(applyMergePatch(shown, patch));
  const name = Array.isArray(patch) ? 'array' : typeof patch;
  return refuse(
    badRequest(
      `error decoding patch: json: cannot unmarshal ${name} into Go value of type map[string]interface {}`,
    ),
  );
}

/** PUT: the whole object, with the resourceVersion it was read at. */
export function putObject(cluster: Cluster, write: Write): Reply {
  const options = readWriteOptions(write.request, 'UpdateOptions');
  if ('body' in options) return options;
  const stored = cluster.store.get(write.key);
  const candidate = parseJson(write.request.body);
  if (candidate === undefined) return undecodableBody(write.key.type.kind);
  if (stored === null) return notFound(write.key);
  return replaceStored(cluster, write, { stored, candidate, options, source: 'update' });
}

type Replacement = { stored: JsonObject; candidate: Json; options: WriteOptions; source: Source };

function replaceStored(cluster: Cluster, write: Write, replacement: Replacement): Reply {
  const { stored, options, source } = replacement;
  const { key, version } = write;
  const strict = options.fieldValidation === 'Strict';
  const decoded = decodeCandidate(replacement.candidate, key, { source, version, strict, name: key.name });
  if (!decoded.ok) return decoded.reply;
  const object = mergeParts(stored, decoded.value.object, write.subresource);
  const current = checkPreconditions(decoded.value.object, stored, key, source);
  if (!current.ok) return current.reply;
  const refusal = newFinalizerRefusal(stored, object, key);
  if (refusal !== null) return refusal;
  const valid = validate(object, key);
  if (!valid.ok) return valid.reply;
  const webhook = write.subresource === '' ? cluster.webhook() : 'off';
  const review = reviewByIstiod(object, webhook, options.dryRun);
  if (review.denial !== null) return review.denial;
  const result = store(cluster.store, write, replacement, object);
  const fields = [...unknownFieldWarnings(decoded.value.unknown, options), ...finalizerWarnings(object)];
  const warnings = [...fields, ...review.warnings];
  return answer(200, present(result, key.type, version), warnings);
}

function store(
  objects: ObjectStore,
  { key, request }: Write,
  { stored, options }: Replacement,
  object: JsonObject,
): JsonObject {
  const result = objects.updated(key, object, fieldManagerOf(request));
  if (options.dryRun) return result;
  if (!isReleased(stored, object)) return objects.update(key, object, fieldManagerOf(request));
  objects.remove(key);
  return result;
}

/** The main resource never changes `status`, and the status subresource changes nothing else. */
function mergeParts(stored: JsonObject, candidate: JsonObject, subresource: string): JsonObject {
  const [body, status] = subresource === 'status' ? [stored, candidate] : [candidate, stored];
  return {
    ...without(body, ['status']),
    ...(status['status'] === undefined ? {} : { status: status['status'] }),
  };
}
