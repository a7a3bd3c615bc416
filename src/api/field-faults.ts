import { z } from 'zod';
import { didYouMean, type Known, knownAt, quoted, valueAt } from '../known-names.ts';
import { ownWords, plainWords } from './plain-words.ts';
import type { FieldFault } from './problem.ts';
import { clip } from './wire-parts.ts';

type Issue = z.core.$ZodIssue;

/** What was sent, and the schema it does not fit. */
export type Sent = { schema: z.ZodType; data: unknown };

const most = 50;

const codes: Record<NonNullable<Issue['code']>, string> = {
  invalid_type: 'wrong-type',
  too_big: 'out-of-range',
  too_small: 'out-of-range',
  invalid_format: 'invalid-format',
  not_multiple_of: 'out-of-range',
  unrecognized_keys: 'unknown-property',
  invalid_union: 'not-one-of',
  invalid_key: 'invalid-name',
  invalid_element: 'invalid',
  invalid_value: 'not-one-of',
  custom: 'invalid',
};

const Coded = z.object({ code: z.string() });

/**
 * Turns what zod found into faults with a JSON Pointer (RFC 6901), a stable code and a sentence; at most 50.
 * Nothing that was sent is repeated but names of properties, clipped to 80 characters.
 */
export function fieldFaults(issues: readonly Issue[], sent: Sent): FieldFault[] {
  return issues.flatMap((issue) => faultsOf(issue, sent)).slice(0, most);
}

/** The JSON Pointer of a path: `/steps/0/weight`. */
export function pointerOf(path: readonly PropertyKey[]): string {
  const segments = path.map((segment) => clip(String(segment)).replaceAll('~', '~0').replaceAll('/', '~1'));
  return segments.map((segment) => `/${segment}`).join('');
}

function faultsOf(issue: Issue, sent: Sent): FieldFault[] {
  if (issue.code === 'unrecognized_keys') return unknownProperties(issue.keys, issue.path, sent);
  const written = valueAt(sent.data, issue.path);
  const pointer = pointerOf(issue.path);
  // A rule over several parts may point at one that was left out, and has a code of its own.
  if (written === undefined && issue.code !== 'custom')
    return [{ pointer, code: 'required', detail: missing(issue, sent) }];
  const meant = meantIssues(issue);
  if (meant !== null) return meant.flatMap((inner) => faultsOf(inner, sent));
  if (issue.code === 'invalid_union' && issue.discriminator === undefined && issue.errors.length > 0) {
    return [{ pointer, code: 'wrong-type', detail: plainWords(issue) }];
  }
  return [{ pointer, code: codeOf(issue), detail: detailOf(issue, written, sent) }];
}

/** What is wrong with the one member of a union that has the type of what was sent; null when none or several have. */
function meantIssues(issue: Issue): Issue[] | null {
  if (issue.code !== 'invalid_union') return null;
  const near = issue.errors.filter((errors) => !errors.some(isOtherType));
  const [meant] = near;
  if (meant === undefined || near.length > 1) return null;
  return meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function isOtherType({ code, path }: Issue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function unknownProperties(keys: string[], path: readonly PropertyKey[], sent: Sent): FieldFault[] {
  const { properties } = knownAt(sent.schema, path, sent.data);
  return keys.slice(0, most).map((key) => ({
    pointer: pointerOf([...path, key]),
    code: 'unknown-property',
    detail: `is not known: ${didYouMean(key, properties) ?? listed(properties)}`,
  }));
}

function listed(names: string[]): string {
  return names.length === 0 ? 'nothing is taken here' : `known here are ${quoted(names)}`;
}

function codeOf(issue: Issue): string {
  if (issue.code !== 'custom') return codes[issue.code];
  const coded = Coded.safeParse(issue.params);
  return coded.success ? coded.data.code : codes.custom;
}

function missing(issue: Issue, sent: Sent): string {
  const { values } = allowed(issue, sent);
  if (values.length > 0) return `is missing: write one of ${quoted(values)}`;
  return ownWords(issue) ?? `is missing: ${plainWords(issue)}`;
}

function detailOf(issue: Issue, written: unknown, sent: Sent): string {
  if (issue.code === 'invalid_value' || issue.code === 'invalid_union') {
    const { values } = allowed(issue, sent);
    const question = typeof written === 'string' ? didYouMean(written, values) : null;
    if (question !== null) return question;
    if (values.length > 0) return `write one of ${quoted(values)}`;
  }
  return plainWords(issue);
}

function allowed(issue: Issue, { schema, data }: Sent): Known {
  return knownAt(schema, issue.path, data);
}
