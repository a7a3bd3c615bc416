import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ApiServer, startApiServer } from '../../src/sandbox/api-server.ts';
import { defaultUsers, type User } from '../../src/sandbox/auth.ts';
import { createFaults, type FaultControl } from '../../src/sandbox/faults.ts';
import { at, type Json, type JsonObject, listAt, objectAt, textAt } from '../../src/sandbox/json.ts';
import { parseTarget } from '../../src/sandbox/request.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { createStore, type ObjectKey, type ObjectStore } from '../../src/sandbox/store.ts';
import { storeNamespace } from '../../src/sandbox/workloads.ts';
import { send, type WireReply } from '../sandbox/https-client.ts';

const folder = new URL('../fixtures/k8s-exchanges/', import.meta.url);
const JsonValue: z.ZodType<Json> = z.json();
const AnyObject = z.record(z.string(), JsonValue);

const RecordedObject = z.strictObject({
  spec: JsonValue.nullable(),
  labels: AnyObject,
  annotations: AnyObject,
  resourceVersion: z.string().nullable(),
  uid: z.string().nullable(),
  generation: z.number().nullable(),
  /** Null where exchanges that were left out had a part in it. */
  managers: z.array(z.string()).nullable(),
});

const Exchange = z.strictObject({
  name: z.string(),
  webhook: z.enum(['down', 'timeout']).optional(),
  fault: z.enum(['throttle', 'etcdTimeout']).optional(),
  /** The stored object before this exchange, where an exchange that changed it was left out. */
  given: AnyObject.optional(),
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
    object: RecordedObject.optional(),
    /** What the exchange does to the stored object it names. */
    effect: z.enum(['none', 'created', 'changed', 'removed']).optional(),
    generationStep: z.number().optional(),
  }),
});
type Exchange = z.infer<typeof Exchange>;

const Recording = z.strictObject({
  recording: z.string(),
  webhook: z.enum(['up', 'off']),
  initial: z.array(AnyObject),
  exchanges: z.array(Exchange),
});

const recordings = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => Recording.parse(JSON.parse(readFileSync(new URL(name, folder), 'utf8'))));

/** The users of the recorded cluster: `svc` and a service account may get and patch in one namespace. */
function recordedUsers(): User[] {
  const group = ['networking.istio.io'];
  const rule = {
    verbs: ['get', 'patch'],
    groups: group,
    resources: ['virtualservices'],
    namespaces: ['authz'],
  };
  return [
    ...defaultUsers(),
    { name: 'svc', token: 'svc-token', rules: [rule] },
    { name: 'system:serviceaccount:authz:spill', token: 'sa-token', rules: [rule] },
  ];
}

type Stage = { server: ApiServer; store: ObjectStore; control: FaultControl; known: Map<string, string> };

describe.each(recordings)('recorded exchanges of $recording', (recording) => {
  let stage: Stage;

  beforeAll(async () => {
    const now = () => new Date('2026-11-23T02:00:00Z');
    const store = createStore({ seed: 1, now });
    for (const name of ['demo', 'authz', 'default']) storeNamespace(store, name);
    for (const object of recording.initial) storeObject(store, object);
    const control = createFaults();
    const server = await startApiServer({ store, users: recordedUsers(), control, now });
    stage = { server, store, control, known: new Map() };
  });

  afterAll(() => stage.server.close());

  it.each(recording.exchanges)('$name gives the recorded status, reason and effect', (exchange) =>
    replay(stage, recording.webhook, exchange));
});

async function replay({ store, control, server, known }: Stage, webhook: 'up' | 'off', exchange: Exchange) {
  if (exchange.given !== undefined) storeObject(store, exchange.given);
  control.faults.webhook = exchange.webhook ?? webhook;
  control.faults.nextPatch = exchange.fault ?? null;
  const key = keyOf(exchange);
  const before = key === null ? null : store.get(key);
  const { method, path, headers, body } = exchange.request;
  const reply = await send(server, { method, path, headers, body: body && translate(body, known) });
  const answered = reply.text.startsWith('{') ? AnyObject.parse(JSON.parse(reply.text)) : {};
  checkAnswer(exchange, reply, answered);
  if (key === null) return;
  const after = store.get(key);
  checkEffect(exchange, before, after);
  learn(exchange, after, known);
  if (exchange.expected.object !== undefined) checkObject(exchange.expected.object, answered);
}

/** Versions and uids differ from run to run: the recorded ones are replaced by those of the same moment here. */
function translate(text: string, known: Map<string, string>): string {
  let result = text;
  for (const [recorded, ours] of known) result = result.replaceAll(`"${recorded}"`, `"${ours}"`);
  return result;
}

function learn({ expected }: Exchange, after: JsonObject | null, known: Map<string, string>): void {
  const { object } = expected;
  if (after === null || object === undefined) return;
  if (object.resourceVersion !== null)
    known.set(object.resourceVersion, textAt(after, 'metadata', 'resourceVersion'));
  if (object.uid !== null) known.set(object.uid, textAt(after, 'metadata', 'uid'));
}

function keyOf({ request, expected }: Exchange): ObjectKey | null {
  const target = parseTarget(request.path.split('?')[0] ?? '');
  if (target.kind === 'other' || target.type === null || expected.effect === undefined) return null;
  const posted = request.method === 'POST' && target.name === '';
  const name = posted
    ? textAt(AnyObject.parse(JSON.parse(request.body ?? '{}')), 'metadata', 'name')
    : target.name;
  return name === '' ? null : { type: target.type, namespace: target.namespace, name };
}

function checkAnswer({ expected }: Exchange, reply: WireReply, answered: JsonObject): void {
  const seen = {
    status: reply.status,
    contentType: reply.headers['content-type'],
    warning: reply.headers['warning'],
    retryAfter: reply.headers['retry-after'],
    reason: answered['reason'] ?? null,
    message: answered['message'],
    text: reply.text,
    kind: answered['kind'] ?? null,
    allowed: at(answered, 'status', 'allowed'),
  };
  // Other messages differ between Kubernetes releases; these are the ones that people read in a refusal.
  const { message, object, effect, generationStep, ...rest } = expected;
  expect(seen).toMatchObject(isQuoted(expected) ? { ...rest, message } : rest);
}

function isQuoted({ reason, message = '' }: Exchange['expected']): boolean {
  const namesTheRun = /UID|precondition/.test(message);
  const quoted = ['Forbidden', 'Conflict', 'NotFound', 'AlreadyExists'];
  return !namesTheRun && (reason === null || quoted.includes(reason ?? '')) && message !== '';
}

function checkEffect({ expected }: Exchange, before: JsonObject | null, after: JsonObject | null): void {
  const version = (object: JsonObject | null) => textAt(object ?? {}, 'metadata', 'resourceVersion');
  if (expected.effect === 'none') expect(after).toEqual(before);
  if (expected.effect === 'created') expect([before, after !== null]).toEqual([null, true]);
  if (expected.effect === 'removed') expect([before !== null, after]).toEqual([true, null]);
  if (expected.effect === 'changed') expect(Number(version(after))).toBeGreaterThan(Number(version(before)));
  if (expected.generationStep === undefined || after === null || before === null) return;
  const generation = (object: JsonObject) => Number(at(object, 'metadata', 'generation'));
  expect(generation(after) - generation(before)).toBe(expected.generationStep);
}

/** The object in the answer: everything that a reader of weights sees, and who owns its fields. */
function checkObject(recorded: z.infer<typeof RecordedObject>, answered: JsonObject): void {
  expect(answered['spec'] ?? null).toEqual(recorded.spec);
  expect(objectAt(answered, 'metadata', 'labels')).toEqual(recorded.labels);
  expect(objectAt(answered, 'metadata', 'annotations')).toEqual(recorded.annotations);
  const managers = listAt(answered, 'metadata', 'managedFields').map(
    (one) => `${textAt(one, 'manager')}/Update`,
  );
  if (recorded.managers !== null) expect(managers.sort()).toEqual(recorded.managers);
}

describe('the list of recorded exchanges', () => {
  const replayed = recordings.flatMap(({ recording, exchanges }) =>
    exchanges.map(({ name }) => `${recording}\t${name.replace(/#\d+$/, '')}`),
  );
  const leftOut = readFileSync(new URL('left-out.tsv', folder), 'utf8').trimEnd().split('\n').slice(1);

  it('replays at least 100 exchanges', () => {
    expect(new Set(replayed).size).toBeGreaterThanOrEqual(100);
  });

  it('gives a reason for every row that is left out', () => {
    for (const row of leftOut) expect(row.split('\t')).toHaveLength(3);
    expect(leftOut.filter((row) => (row.split('\t')[2] ?? '').length < 10)).toEqual([]);
  });

  it('accounts for every row of the index exactly once', () => {
    const index = readFileSync(new URL('index.tsv', folder), 'utf8').trimEnd().split('\n');
    const left = leftOut.map((row) => row.split('\t').slice(0, 2).join('\t'));
    expect([...new Set(replayed), ...left].sort()).toEqual([...index].sort());
  });
});
