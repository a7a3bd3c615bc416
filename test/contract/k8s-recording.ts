import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Json } from '../../src/sandbox/json.ts';

export const folder = new URL('../fixtures/k8s-exchanges/', import.meta.url);
const JsonValue: z.ZodType<Json> = z.json();
export const AnyObject = z.record(z.string(), JsonValue);

const RecordedObject = z.strictObject({
  spec: JsonValue.nullable().optional(),
  labels: AnyObject,
  annotations: AnyObject,
  resourceVersion: z.string().nullable(),
  uid: z.string().nullable(),
  generation: z.number().nullable(),
  /** Null where exchanges that were left out had a part in it. */
  managers: z.array(z.string()).nullable(),
});
export type RecordedObject = z.infer<typeof RecordedObject>;

/** What others did before an exchange or while a watch was open; `mark` says which recorded version it is by now. */
export const Action = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('send'),
    method: z.string(),
    path: z.string(),
    contentType: z.string().optional(),
    body: JsonValue.optional(),
  }),
  z.strictObject({ do: z.literal('mark'), version: z.string() }),
  z.strictObject({ do: z.literal('forget') }),
]);
export type Action = z.infer<typeof Action>;

const WatchEvent = z.strictObject({ type: z.string(), object: AnyObject });

const Exchange = z.strictObject({
  name: z.string(),
  webhook: z.enum(['down', 'timeout']).optional(),
  fault: z.enum(['throttle', 'etcdTimeout']).optional(),
  /** The stored object before this exchange, where an exchange that changed it was left out. */
  given: AnyObject.optional(),
  before: z.array(Action).default([]),
  meanwhile: z.array(Action).default([]),
  request: z.strictObject({
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string().nullable(),
  }),
  expected: z.strictObject({
    status: z.number(),
    contentType: z.string(),
    warning: z.string().optional(),
    retryAfter: z.string().optional(),
    reason: z.string().nullable().optional(),
    message: z.string().optional(),
    text: z.string().optional(),
    kind: z.string().nullable().optional(),
    allowed: z.boolean().optional(),
    /** The names in a list, in order. */
    items: z.array(z.string()).optional(),
    /** The recorded token; where it goes on is compared, not its version. */
    continue: z.string().optional(),
    /** What a watch sent until its end. */
    events: z.array(WatchEvent).optional(),
    object: RecordedObject.optional(),
    /** What the exchange does to the stored object it names. */
    effect: z.enum(['none', 'created', 'changed', 'removed']).optional(),
    generationStep: z.number().optional(),
  }),
});
export type Exchange = z.infer<typeof Exchange>;

const Recording = z.strictObject({
  recording: z.string(),
  webhook: z.enum(['up', 'off']),
  initial: z.array(AnyObject),
  exchanges: z.array(Exchange),
});
export type Recording = z.infer<typeof Recording>;

/** Every recording of the fixtures, in the order of their names. */
export function readRecordings(): Recording[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => Recording.parse(readFixture(name)));
}

export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
}
