import type { z } from 'zod';
import { fieldFaults, pointerOf } from '../api/field-faults.ts';
import { jsonFault, type TextPlace } from '../api/json-fault.ts';
import { ProblemError } from '../api/problem.ts';
import { parseYaml } from '../api/yaml-body.ts';
import { Plan } from '../rollout/plan.ts';
import { Recording } from '../rollout/replay/recording.ts';

/** A text, and what the file that it comes from is called. */
export type File = { file: string; text: string };

/** What is wrong at a place of a file (a JSON Pointer, empty for the whole), and what to write instead. */
export type FileFault = { pointer: string; detail: string };

export type Read<Value> =
  | { kind: 'read'; value: Value }
  | { kind: 'faulty'; file: string; faults: FileFault[] };

/** Reads a plan, alone or under the name `plan` in the file of a rollout: JSON when the name ends in .json, else YAML. */
export function planIn({ file, text }: File): Read<Plan> {
  const document = file.toLowerCase().endsWith('.json') ? jsonIn(text) : yamlIn(text);
  if ('detail' in document) return faulty(file, [document]);
  const { data } = document;
  const isRollout = typeof data === 'object' && data !== null && 'plan' in data;
  if (!isRollout) return fitted(Plan, { file, data, within: '' });
  if (typeof data.plan !== 'string') return fitted(Plan, { file, data: data.plan, within: '/plan' });
  const detail = 'names a plan that canaryd keeps: give the file of the plan itself (GET /v1/plans/<name>)';
  return faulty(file, [{ pointer: '/plan', detail }]);
}

/**
 * Reads recorded polls: one JSON object, or in lines of JSON the same object without its polls and then each poll, so
 * that a recorder need only append. Places are those of the one object in both.
 */
export function recordingIn({ file, text }: File): Read<Recording> {
  const whole = jsonIn(text);
  const document = 'detail' in whole ? linesIn(text, whole) : whole;
  if ('detail' in document) return faulty(file, [document]);
  return fitted(Recording, { file, data: document.data, within: '' });
}

/** Where a fault in parts that do not go together stands. */
export function placeOf(path: readonly (string | number)[]): string {
  return pointerOf(path);
}

type Document = { data: unknown } | FileFault;

function jsonIn(text: string): Document {
  if (text.trim() === '') return { pointer: '', detail: 'is empty' };
  try {
    const data: unknown = JSON.parse(text);
    return { data };
  } catch {
    // The parser says where in the words of its version, or not at all.
    return notJson(jsonFault(text) ?? { line: 1, column: 1 });
  }
}

function linesIn(text: string, why: FileFault): Document {
  const lines = text.split('\n').map((line, index) => ({ line, number: index + 1 }));
  const [head, ...rest] = lines.filter(({ line }) => line.trim() !== '');
  if (head === undefined || jsonFault(head.line) !== null) return why;
  const broken = rest.find(({ line }) => jsonFault(line) !== null);
  if (broken !== undefined) {
    const place = jsonFault(broken.line);
    return notJson({ line: broken.number, column: place?.column ?? 1 });
  }
  const polls: unknown[] = rest.map(({ line }): unknown => JSON.parse(line));
  const first: unknown = JSON.parse(head.line);
  if (typeof first === 'object' && first !== null && !('polls' in first))
    return { data: { ...first, polls } };
  return {
    pointer: '',
    detail: 'line 1 of several is to hold everything but the polls, one of which each later line holds',
  };
}

function notJson({ line, column }: TextPlace): FileFault {
  return { pointer: '', detail: `is not JSON from line ${line}, column ${column} on` };
}

function yamlIn(text: string): Document {
  if (text.trim() === '') return { pointer: '', detail: 'is empty' };
  try {
    return { data: parseYaml(text, new Set()) };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return {
      pointer: '',
      detail: `is not taken as YAML: ${error.facts.errors?.[0]?.detail ?? error.message}`,
    };
  }
}

/** More faults than these are of one kind, or of another file. */
const mostFaults = 10;

function fitted<Value>(
  schema: z.ZodType<Value>,
  { file, data, within }: { file: string; data: unknown; within: string },
): Read<Value> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return { kind: 'read', value: parsed.data };
  const { issues } = parsed.error;
  const told = fieldFaults(issues.slice(0, mostFaults), { schema, data }).slice(0, mostFaults);
  const faults = told.map(({ pointer, detail }) => ({ pointer: `${within}${pointer}`, detail }));
  const more = issues.length - mostFaults;
  return faulty(file, more > 0 ? [...faults, { pointer: '', detail: `and ${more} more` }] : faults);
}

function faulty<Value>(file: string, faults: FileFault[]): Read<Value> {
  return { kind: 'faulty', file, faults };
}
