import { isObject, type Json, type JsonObject, sameJson } from './json.ts';

type PatchResult =
  | { kind: 'patched'; value: Json }
  | { kind: 'undecodable'; message: string }
  | { kind: 'tooManyOperations'; count: number }
  | { kind: 'rejected' };

/**
 * Applies a JSON patch as kube-apiserver does. It follows the Go json-patch library, not RFC 6902: `replace` of an
 * absent key adds it, `test` of an absent key against null passes, negative indices count from the end, `00` is an
 * index. (Recorded in the 03 and 03b exchanges.)
 *
 * Takes the stored object (left untouched) and the raw request body; returns the patched copy or why there is none.
 */
export function applyJsonPatch(target: JsonObject, body: string): PatchResult {
  const parsed = parsePatch(body);
  if (!Array.isArray(parsed)) return parsed;
  if (parsed.length > 10_000) return { kind: 'tooManyOperations', count: parsed.length };
  const holder: Holder = { root: structuredClone(target) };
  for (const operation of parsed) {
    if (!isObject(operation) || !applyOperation(holder, operation)) return { kind: 'rejected' };
  }
  return { kind: 'patched', value: holder.root };
}

type Holder = { root: Json };

function parsePatch(body: string): Json[] | Extract<PatchResult, { kind: 'undecodable' }> {
  const problem = (message: string) => ({
    kind: 'undecodable' as const,
    message: `error decoding patch: ${message}`,
  });
  let parsed: Json;
  try {
    parsed = JSON.parse(body);
  } catch {
    return problem('unexpected end of JSON input');
  }
  if (Array.isArray(parsed)) return parsed;
  const name = isObject(parsed) ? 'object' : typeof parsed;
  return problem(`json: cannot unmarshal ${name} into Go value of type []handlers.jsonPatchOp`);
}

function applyOperation(holder: Holder, operation: JsonObject): boolean {
  const { op, path, from } = operation;
  if (typeof op !== 'string' || typeof path !== 'string') return false;
  const value = operation['value'] ?? null;
  switch (op) {
    case 'add':
      return add(holder, path, value);
    case 'replace':
      return replace(holder, path, value);
    case 'remove':
      return remove(holder, path);
    case 'test':
      return test(holder, path, value);
    case 'copy':
      return typeof from === 'string' && copy(holder, from, path);
    case 'move':
      return typeof from === 'string' && move(holder, from, path);
    default:
      return false;
  }
}

function add(holder: Holder, path: string, value: Json): boolean {
  if (path === '') return setRoot(holder, value);
  const place = locate(holder.root, path);
  if (place === null) return false;
  if (!Array.isArray(place.parent)) return setKey(place.parent, place.key, value);
  const index = place.key === '-' ? place.parent.length : indexIn(place.key, place.parent.length + 1);
  if (index === null) return false;
  place.parent.splice(index, 0, value);
  return true;
}

function replace(holder: Holder, path: string, value: Json): boolean {
  if (path === '') return setRoot(holder, value);
  const place = locate(holder.root, path);
  if (place === null) return false;
  if (!Array.isArray(place.parent)) return setKey(place.parent, place.key, value);
  const index = indexIn(place.key, place.parent.length);
  if (index === null) return false;
  place.parent[index] = value;
  return true;
}

function remove(holder: Holder, path: string): boolean {
  const place = locate(holder.root, path);
  if (place === null) return false;
  if (Array.isArray(place.parent)) {
    const index = indexIn(place.key, place.parent.length);
    if (index === null) return false;
    place.parent.splice(index, 1);
    return true;
  }
  if (!Object.hasOwn(place.parent, place.key)) return false;
  return delete place.parent[place.key];
}

function test(holder: Holder, path: string, value: Json): boolean {
  const found = read(holder, path);
  if (!found.reachable) return false;
  return sameJson(found.value ?? null, value);
}

function copy(holder: Holder, from: string, path: string): boolean {
  const found = read(holder, from);
  return found.value !== undefined && add(holder, path, structuredClone(found.value));
}

function move(holder: Holder, from: string, path: string): boolean {
  const found = read(holder, from);
  return found.value !== undefined && remove(holder, from) && add(holder, path, found.value);
}

function setRoot(holder: Holder, value: Json): boolean {
  holder.root = value;
  return true;
}

function setKey(parent: JsonObject, key: string, value: Json): boolean {
  // A plain assignment to `__proto__` would change the prototype instead of adding a key.
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
  return true;
}

function read(holder: Holder, path: string): { reachable: boolean; value?: Json } {
  if (path === '') return { reachable: true, value: holder.root };
  const place = locate(holder.root, path);
  if (place === null) return { reachable: false };
  const value = childOf(place.parent, place.key);
  // A missing list element is an error for the Go library, a missing key is not.
  if (value === undefined) return { reachable: !Array.isArray(place.parent) };
  return { reachable: true, value };
}

function locate(root: Json, path: string): { parent: JsonObject | Json[]; key: string } | null {
  if (!path.startsWith('/')) return null;
  const steps = path.slice(1).split('/').map(unescapeStep);
  const key = steps.pop() ?? '';
  let current: Json | undefined = root;
  for (const step of steps) current = childOf(current, step);
  return isObject(current) || Array.isArray(current) ? { parent: current, key } : null;
}

function unescapeStep(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

function childOf(parent: Json | undefined, key: string): Json | undefined {
  if (Array.isArray(parent)) {
    const index = indexIn(key, parent.length);
    return index === null ? undefined : parent[index];
  }
  return isObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

/** The index a path step means in a list of this length; null when it is no index or out of range. */
function indexIn(key: string, length: number): number | null {
  if (!/^[-+]?\d+$/.test(key)) return null;
  const index = Number(key);
  if (index >= length || index < -length) return null;
  return index < 0 ? index + length : index;
}
