import { isObject, type Json, type JsonObject, objectAt, textAt, without } from './json.ts';
import { metadataErrors } from './metadata-check.ts';
import { conflict, staleVersion } from './replies.ts';
import { apiVersionOf, isCustom, type ObjectKey } from './resources.ts';
import { anything, prune } from './shape.ts';
import { shapeErrors } from './shape-check.ts';
import { badRequest, type Cause, failure, invalid, type Outcome, proceed, refuse } from './status.ts';

/** Where a candidate comes from; a patch words its refusals differently. */
export type Source = 'create' | 'update' | 'patch';
type Decoding = { source: Source; version: string; strict: boolean; name: string };

/**
 * Turns the JSON a client wants stored into an object of the kind: right type, name and namespace, unknown fields
 * pruned. Returns the object and the unknown field paths, or the refusal.
 */
export function decodeCandidate(
  value: Json,
  key: ObjectKey,
  decoding: Decoding,
): Outcome<{ object: JsonObject; unknown: string[] }> {
  const mistake = typeMistake(value);
  if (mistake !== null || !isObject(value)) return refuse(undecodable(value, key, decoding, mistake ?? ''));
  const { object, unknown } = pruneObject(value, key);
  if (decoding.strict && unknown.length > 0) {
    const list = unknown.map((path) => `unknown field "${path}"`).join(', ');
    return refuse(undecodable(value, key, decoding, `strict decoding error: ${list}`));
  }
  const misplaced = wrongVersion(object, key, decoding) ?? wrongPlace(object, key, decoding);
  return misplaced === null ? proceed({ object, unknown }) : refuse(misplaced);
}

function typeMistake(value: Json): string | null {
  if (!isObject(value) || textAt(value, 'kind') === '')
    return `Object 'Kind' is missing in '${JSON.stringify(value)}'`;
  const metadata = objectAt(value, 'metadata');
  const wrong = ['name', 'namespace', 'uid', 'resourceVersion'].find(
    (field) => !['string', 'undefined'].includes(typeof metadata[field]) && metadata[field] !== null,
  );
  if (wrong === undefined) return null;
  return `json: cannot unmarshal ${typeof metadata[wrong]} into Go struct field ObjectMeta.metadata.${wrong} of type string`;
}

function undecodable(value: Json, key: ObjectKey, { source, version }: Decoding, why: string) {
  const text = JSON.stringify(value);
  if (source === 'patch') {
    const message = `Invalid value: ${JSON.stringify(text)}: ${why}`;
    return invalid({ kind: '', group: '', name: '' }, [
      { reason: 'FieldValueInvalid', message, field: 'patch' },
    ]);
  }
  const { kind } = key.type;
  if (why.startsWith('Object')) {
    return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why}`);
  }
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}

function pruneObject(value: JsonObject, key: ObjectKey): { object: JsonObject; unknown: string[] } {
  if (key.type.spec === null) return { object: value, unknown: [] };
  const known = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
  const stray = Object.keys(value).filter((field) => !known.includes(field));
  const { spec } = value;
  if (spec === undefined || spec === null)
    return { object: without(value, ['spec', ...stray]), unknown: stray };
  const pruned = prune(spec, key.type.spec ?? anything, 'spec');
  return { object: { ...without(value, stray), spec: pruned.value }, unknown: [...stray, ...pruned.unknown] };
}

function wrongVersion(object: JsonObject, key: ObjectKey, { source, version }: Decoding) {
  const wanted = apiVersionOf(key.type, version);
  const given = textAt(object, 'apiVersion');
  const subject = { kind: textAt(object, 'kind'), group: key.type.group, name: key.name };
  if (subject.kind !== key.type.kind) {
    return invalid(subject, [must('kind', subject.kind, `must be ${key.type.kind}`)]);
  }
  if (given === wanted) return null;
  if (source === 'patch') return invalid(subject, [must('apiVersion', given, `must be ${wanted}`)]);
  const where = `the API version in the data (${given}) does not match the expected API version (${wanted})`;
  return badRequest(where);
}

function wrongPlace(object: JsonObject, key: ObjectKey, { source, name }: Decoding) {
  const given = textAt(object, 'metadata', 'name');
  const namespace = textAt(object, 'metadata', 'namespace');
  if (source !== 'create' && given === '') {
    return badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (source !== 'create' && given !== name) {
    return badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  }
  if (namespace === '' || namespace === key.namespace) return null;
  return badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Compares uid and resourceVersion with the stored object; a stale version is a 409 even if nothing else changes. */
export function checkPreconditions(
  object: JsonObject,
  stored: JsonObject,
  key: ObjectKey,
  source: Source,
): Outcome<null> {
  const uid = textAt(object, 'metadata', 'uid');
  const storedUid = textAt(stored, 'metadata', 'uid');
  if (uid !== '' && uid !== storedUid) return refuse(wrongUid(uid, storedUid, key, source));
  const version = textAt(object, 'metadata', 'resourceVersion');
  if (version === '' || version === '0') {
    return isCustom(key.type) ? refuse(versionRequired(key)) : proceed(null);
  }
  if (!/^\d+$/.test(version)) {
    return refuse(failure({ code: 500, message: `strconv.ParseUint: parsing "${version}": invalid syntax` }));
  }
  return version === textAt(stored, 'metadata', 'resourceVersion')
    ? proceed(null)
    : refuse(staleVersion(key));
}

function wrongUid(uid: string, storedUid: string, key: ObjectKey, source: Source) {
  if (source === 'patch') return invalid(subjectOf(key), [must('metadata.uid', uid, 'field is immutable')]);
  const { group, plural } = key.type;
  const path = `/registry/${group}/${plural}/${key.namespace}/${key.name}`;
  const cause = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${storedUid}`;
  return conflict(
    key,
    `StorageError: invalid object, Code: 4, Key: ${path}, ResourceVersion: 0, AdditionalErrorMsg: ${cause}`,
  );
}

function versionRequired(key: ObjectKey) {
  const message = 'Invalid value: 0: must be specified for an update';
  const subject = { kind: key.type.plural, group: key.type.group, name: key.name };
  return invalid(subject, [{ reason: 'FieldValueInvalid', message, field: 'metadata.resourceVersion' }]);
}

/** Validates metadata and, for kinds with a shape, the spec. */
export function validate(object: JsonObject, key: ObjectKey): Outcome<null> {
  const spec = object['spec'];
  const { spec: shape } = key.type;
  const causes = [
    ...metadataErrors(objectAt(object, 'metadata')),
    ...(shape === null || spec === undefined ? [] : shapeErrors(spec, shape, 'spec')),
  ];
  return causes.length === 0 ? proceed(null) : refuse(invalid(subjectOf(key), causes));
}

function subjectOf(key: ObjectKey) {
  return { kind: key.type.kind, group: key.type.group, name: key.name };
}

function must(field: string, value: string, rule: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: "${value}": ${rule}`, field };
}
