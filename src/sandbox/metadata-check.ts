import { type Json, type JsonObject, listAt, objectAt, textAt } from './json.ts';
import { rulesNotChecked } from './shape-check.ts';
import type { Cause } from './status.ts';

const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const objectName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const annotationLimitBytes = 262_144;

/** What the API server says about the name, labels and annotations of an object that is about to be stored. */
export function metadataErrors(metadata: JsonObject): Cause[] {
  const name = metadata['name'];
  return [
    ...(typeof name === 'string' && name !== '' ? nameErrors(name) : []),
    ...Object.values(objectAt(metadata, 'labels')).flatMap(labelErrors),
    ...Object.keys(objectAt(metadata, 'annotations')).flatMap(annotationKeyErrors),
    ...annotationSizeErrors(objectAt(metadata, 'annotations')),
    ...listAt(metadata, 'ownerReferences').flatMap(ownerErrors),
  ];
}

function nameErrors(name: string): Cause[] {
  if (name.length > 253) return [bad('metadata.name', name, 'must be no more than 253 characters')];
  if (objectName.test(name)) return [];
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  return [bad('metadata.name', name, rule)];
}

function labelErrors(value: Json): Cause[] {
  const text = String(value);
  if (text.length <= 63 && labelValue.test(text)) return [];
  const rule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
  return [bad('metadata.labels', text, rule)];
}

function annotationKeyErrors(key: string): Cause[] {
  const part = key.slice(key.indexOf('/') + 1);
  if (qualifiedPart.test(part)) return [];
  const rule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  return [bad('metadata.annotations', key, rule)];
}

function annotationSizeErrors(annotations: JsonObject): Cause[] {
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + key.length + String(value).length,
    0,
  );
  if (bytes <= annotationLimitBytes) return [];
  const message = `Too long: may not be more than ${annotationLimitBytes} bytes`;
  return [{ reason: 'FieldValueTooLong', message, field: 'metadata.annotations' }, rulesNotChecked];
}

function ownerErrors(owner: Json): Cause[] {
  const needed = { apiVersion: 'version must not be empty', kind: 'must not be empty' };
  const rules = Object.entries({ ...needed, name: 'must not be empty', uid: 'must not be empty' });
  return rules
    .filter(([field]) => textAt(owner, field) === '')
    .map(([field, rule]) => bad(`metadata.ownerReferences.${field}`, '', rule));
}

function bad(field: string, value: string, rule: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: "${value}": ${rule}`, field };
}
