import { isObject, type Json, type JsonObject } from './json.ts';
import type { Shape } from './shape.ts';
import type { Cause } from './status.ts';

/** Where in the API server's validation a fault shows: CEL rules run only when schema and formats hold. */
type Finding = { stage: 'schema' | 'format' | 'rule'; cause: Cause };
type NumberShape = Extract<Shape, { kind: 'number' }>;
type ObjectShape = Extract<Shape, { kind: 'object' }>;

export const rulesNotChecked: Cause = {
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  field: '<nil>',
};

/**
 * Checks a value against a shape and returns the causes of a 422 in the API server's order: schema errors by path,
 * then formats, then the note that later rules were not checked. An empty list means valid.
 * Wording as recorded from kube-apiserver 1.36.
 */
export function shapeErrors(value: Json, shape: Shape, path: string): Cause[] {
  const findings = check(value, shape, path);
  const at = (stage: Finding['stage']) =>
    findings.filter((one) => one.stage === stage).map((one) => one.cause);
  if (at('schema').length > 0) return [...at('schema'), ...at('format'), rulesNotChecked];
  return at('format').length > 0 ? at('format') : at('rule');
}

function check(value: Json, shape: Shape, path: string): Finding[] {
  switch (shape.kind) {
    case 'anything':
      return [];
    case 'text':
      return checkText(value, shape.duration, path);
    case 'flag':
      return typeof value === 'boolean' ? [] : wrongType(value, 'boolean', path);
    case 'number':
      return checkNumber(value, shape, path);
    case 'oneOf':
      return checkChoice(value, shape.values, path);
    case 'list':
      if (!Array.isArray(value)) return wrongType(value, 'array', path);
      return value.flatMap((item, index) => check(item, shape.items, `${path}[${index}]`));
    case 'map':
      if (!isObject(value)) return wrongType(value, 'object', path);
      return Object.entries(value).flatMap(([key, item]) => check(item, shape.values, `${path}.${key}`));
    case 'object':
      return isObject(value) ? checkObject(value, shape, path) : wrongType(value, 'object', path);
  }
}

function checkObject(value: JsonObject, shape: ObjectShape, path: string): Finding[] {
  const keys = [...new Set([...shape.required, ...Object.keys(value)])].sort();
  const fields = keys.flatMap((key) => {
    const field = shape.fields[key];
    const item = value[key];
    if (item === undefined) return schemaFault('FieldValueRequired', 'Required value', `${path}.${key}`);
    return field === undefined ? [] : check(item, field, `${path}.${key}`);
  });
  return [...fields, ...shape.exclusive.flatMap((group) => checkExclusive(value, group, path))];
}

function checkExclusive(value: JsonObject, group: readonly string[], path: string): Finding[] {
  const present = group.filter((key) => Object.hasOwn(value, key)).length;
  if (present < 2) return [];
  return formatFault(
    `"${path}" must validate one and only one schema (oneOf). Found ${present} valid alternatives`,
  );
}

function checkText(value: Json, isDuration: boolean, path: string): Finding[] {
  if (typeof value !== 'string') return wrongType(value, 'string', path);
  const seconds = isDuration ? durationSeconds(value) : Infinity;
  if (seconds !== null && seconds >= 0.001) return [];
  const rule = 'must be a valid duration greater than 1ms';
  const message =
    seconds === null
      ? `Invalid value: "string": type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule: ${rule}`
      : `Invalid value: "${value}": ${rule}`;
  return [{ stage: 'rule', cause: { reason: 'FieldValueInvalid', message, field: path } }];
}

const unitSeconds: Record<string, number> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** Seconds of a Go duration such as `1m30s`; null when it is not one. */
function durationSeconds(text: string): number | null {
  if (!/^[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text)) return null;
  let total = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(part[1]) * (unitSeconds[part[2] ?? ''] ?? 0);
  }
  return text.startsWith('-') ? -total : total;
}

function checkNumber(value: Json, shape: NumberShape, path: string): Finding[] {
  if (typeof value !== 'number') return wrongType(value, numberName(value, shape), path);
  if (shape.format === 'int32') return checkInt32(value, path);
  if (shape.whole && !Number.isInteger(value)) return wrongType(value, 'integer', path);
  if (value < shape.min) return outOfRange(value, `greater than or equal to ${shape.min}`, path);
  return value > shape.max ? outOfRange(value, `less than or equal to ${shape.max}`, path) : [];
}

/** Recorded: a string in place of an int32 is told "integer", a boolean "int32". */
function numberName(value: Json, shape: NumberShape): string {
  if (shape.format !== null && typeof value !== 'string') return shape.format;
  return shape.whole ? 'integer' : 'number';
}

function checkInt32(value: number, path: string): Finding[] {
  const isWhole = Number.isInteger(value);
  if (isWhole && value >= -2_147_483_648 && value <= 2_147_483_647) return [];
  const format = formatFault(`Checked value must be of type integer with format int32 in ${path}`);
  return isWhole ? format : [...wrongType(value, 'int32', path), ...format];
}

function outOfRange(value: number, limit: string, path: string): Finding[] {
  return schemaFault(
    'FieldValueInvalid',
    `Invalid value: ${value}: ${path} in body should be ${limit}`,
    path,
  );
}

function checkChoice(value: Json, choices: readonly string[], path: string): Finding[] {
  if (typeof value !== 'string') return wrongType(value, 'string', path);
  if (choices.includes(value)) return [];
  const supported = choices.map((choice) => `"${choice}"`).join(', ');
  return schemaFault(
    'FieldValueNotSupported',
    `Unsupported value: "${value}": supported values: ${supported}`,
    path,
  );
}

function wrongType(value: Json, wanted: string, path: string): Finding[] {
  const name = goTypeName(value);
  const message = `Invalid value: "${name}": ${path} in body must be of type ${wanted}: "${name}"`;
  return schemaFault('FieldValueTypeInvalid', message, path);
}

function schemaFault(reason: string, message: string, field: string): Finding[] {
  return [{ stage: 'schema', cause: { reason, message, field } }];
}

function formatFault(text: string): Finding[] {
  const message = `Invalid value: "": ${text}`;
  return [{ stage: 'format', cause: { reason: 'FieldValueInvalid', message, field: '<nil>' } }];
}

/** The type names in the API server's messages; a boolean has an empty one. */
function goTypeName(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'float64';
  return typeof value === 'boolean' ? '' : typeof value;
}
