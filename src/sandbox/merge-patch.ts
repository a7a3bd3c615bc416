import { isObject, type Json, type JsonObject } from './json.ts';

/** Applies a JSON merge patch (RFC 7396): null deletes a key, lists are replaced whole. Returns a new value. */
export function applyMergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = structuredClone(target);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function merged(current: Json | undefined, value: Json): Json {
  return isObject(value) ? applyMergePatch(isObject(current) ? current : {}, value) : value;
}
