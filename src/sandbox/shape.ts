import { isObject, type Json, type JsonObject } from './json.ts';

/** What a structural CRD schema says about one value; enough of OpenAPI v3 for Istio's two routing kinds. */
export type Shape =
  | { kind: 'anything' }
  | { kind: 'text'; duration: boolean }
  | { kind: 'flag' }
  | { kind: 'number'; whole: boolean; format: 'int32' | null; min: number; max: number }
  | { kind: 'oneOf'; values: readonly string[] }
  | { kind: 'list'; items: Shape }
  | { kind: 'map'; values: Shape }
  | {
      kind: 'object';
      fields: Record<string, Shape>;
      required: readonly string[];
      exclusive: readonly (readonly string[])[];
    };

export const anything: Shape = { kind: 'anything' };
export const text: Shape = { kind: 'text', duration: false };
export const duration: Shape = { kind: 'text', duration: true };
export const flag: Shape = { kind: 'flag' };
export const int32: Shape = { kind: 'number', whole: true, format: 'int32', min: -Infinity, max: Infinity };
export const uint32: Shape = { kind: 'number', whole: true, format: null, min: 0, max: 4_294_967_295 };

export function integer(min = -Infinity, max = Infinity): Shape {
  return { kind: 'number', whole: true, format: null, min, max };
}
export function number(min = -Infinity, max = Infinity): Shape {
  return { kind: 'number', whole: false, format: null, min, max };
}
export function oneOf(...values: string[]): Shape {
  return { kind: 'oneOf', values };
}
export function listOf(items: Shape): Shape {
  return { kind: 'list', items };
}
export function mapOf(values: Shape): Shape {
  return { kind: 'map', values };
}
export function object(
  fields: Record<string, Shape>,
  required: readonly string[] = [],
  exclusive: readonly (readonly string[])[] = [],
): Shape {
  return { kind: 'object', fields, required, exclusive };
}

/**
 * Drops the keys that the shape does not know, and nulls, as the API server prunes a custom resource.
 * Returns the pruned copy and the dotted paths of the unknown keys (nulls are dropped silently).
 */
export function prune(value: Json, shape: Shape, path: string): { value: Json; unknown: string[] } {
  const unknown: string[] = [];
  return { value: pruned(value, shape, path, unknown), unknown };
}

function pruned(value: Json, shape: Shape, path: string, unknown: string[]): Json {
  if (shape.kind === 'list' && Array.isArray(value)) {
    return value.map((item, index) => pruned(item, shape.items, `${path}[${index}]`, unknown));
  }
  if (shape.kind === 'map' && isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        pruned(item, shape.values, `${path}.${key}`, unknown),
      ]),
    );
  }
  return shape.kind === 'object' && isObject(value)
    ? prunedObject(value, shape.fields, path, unknown)
    : value;
}

function prunedObject(
  value: JsonObject,
  fields: Record<string, Shape>,
  path: string,
  unknown: string[],
): JsonObject {
  const kept: JsonObject = {};
  for (const key of Object.keys(value).sort()) {
    const field = fields[key];
    const item = value[key];
    if (field === undefined || item === undefined) unknown.push(`${path}.${key}`);
    else if (item !== null) kept[key] = pruned(item, field, `${path}.${key}`, unknown);
  }
  return kept;
}
