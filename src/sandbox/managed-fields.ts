import { isObject, type Json, type JsonObject, listAt, objectAt, sameJson, textAt } from './json.ts';

/** A path of field names, joined by a character that no field name contains. */
type FieldPath = string;
type Entry = { manager: string; apiVersion: string; time: string; fields: Set<FieldPath> };
const joint = '\u0000';

/**
 * Gives the fields that differ between two states of an object to one manager and takes them from the others, as
 * server-side field management does for updates. Lists are one field each, so all of `spec.http` has one owner.
 *
 * Takes the old and the new object; returns the new one with `metadata.managedFields` set. A state without any
 * difference keeps its entries. Limits: no per-item ownership in keyed lists, and `status` has no owner.
 */
export function withFieldOwner(
  before: JsonObject,
  after: JsonObject,
  stamp: { manager: string; time: string },
): JsonObject {
  const old = fieldValues(before);
  const fresh = fieldValues(after);
  const changed = [...fresh.keys()].filter(
    (path) => !old.has(path) || !sameJson(old.get(path), fresh.get(path)),
  );
  const entries = readEntries(before).map((entry) => ({
    ...entry,
    fields: new Set([...entry.fields].filter((path) => fresh.has(path) && !changed.includes(path))),
  }));
  if (changed.length > 0) claim(entries, changed, { ...stamp, apiVersion: textAt(after, 'apiVersion') });
  const managedFields = entries
    .filter((entry) => entry.fields.size > 0)
    .sort(byTimeThenManager)
    .map(writeEntry);
  const metadata = { ...objectAt(after, 'metadata'), ...(managedFields.length > 0 ? { managedFields } : {}) };
  return { ...after, metadata };
}

function claim(
  entries: Entry[],
  changed: FieldPath[],
  by: { manager: string; time: string; apiVersion: string },
) {
  const own = entries.find((entry) => entry.manager === by.manager);
  if (own === undefined) entries.push({ ...by, fields: new Set(changed) });
  else Object.assign(own, { time: by.time, fields: new Set([...own.fields, ...changed]) });
}

function byTimeThenManager(a: Entry, b: Entry): number {
  return a.time.localeCompare(b.time) || a.manager.localeCompare(b.manager);
}

/** Every field of spec, labels and annotations with its value; a map is a field too (its value is only that it is). */
function fieldValues(object: JsonObject): Map<FieldPath, Json> {
  const found = new Map<FieldPath, Json>();
  for (const part of ['labels', 'annotations']) {
    const value = objectAt(object, 'metadata')[part];
    if (value !== undefined) collect(value, `metadata${joint}${part}`, found);
  }
  if (object['spec'] !== undefined) collect(object['spec'], 'spec', found);
  return found;
}

function collect(value: Json, path: FieldPath, found: Map<FieldPath, Json>): void {
  if (!isObject(value) || Object.keys(value).length === 0) {
    found.set(path, value);
    return;
  }
  found.set(path, 'map');
  for (const [key, item] of Object.entries(value)) collect(item, `${path}${joint}${key}`, found);
}

function readEntries(object: JsonObject): Entry[] {
  return listAt(object, 'metadata', 'managedFields').map((entry) => ({
    manager: textAt(entry, 'manager'),
    apiVersion: textAt(entry, 'apiVersion'),
    time: textAt(entry, 'time'),
    fields: new Set(readFields(objectAt(entry, 'fieldsV1'), '')),
  }));
}

function readFields(tree: JsonObject, path: FieldPath): FieldPath[] {
  return Object.entries(tree).flatMap(([key, child]) => {
    const here = path === '' ? key.slice(2) : `${path}${joint}${key.slice(2)}`;
    if (key === '.') return [path];
    return isObject(child) && Object.keys(child).length > 0 ? readFields(child, here) : [here];
  });
}

function writeEntry(entry: Entry): JsonObject {
  const tree: JsonObject = {};
  for (const path of [...entry.fields].sort()) {
    let node = tree;
    for (const step of path.split(joint)) node = childNode(node, `f:${step}`);
    node['.'] = {};
  }
  const { manager, apiVersion, time } = entry;
  return { manager, operation: 'Update', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1: trimDots(tree) };
}

function childNode(node: JsonObject, key: string): JsonObject {
  const known = node[key];
  if (isObject(known)) return known;
  const fresh: JsonObject = {};
  node[key] = fresh;
  return fresh;
}

/** A field without fields of its own is written `{}`, one with them carries a "." to say that it is owned itself. */
function trimDots(tree: JsonObject): JsonObject {
  const entries = Object.entries(tree).map(([key, child]): [string, JsonObject] => {
    const keys = isObject(child) ? Object.keys(child) : [];
    return [key, isObject(child) && !(keys.length === 1 && keys[0] === '.') ? trimDots(child) : {}];
  });
  return Object.fromEntries(entries);
}
