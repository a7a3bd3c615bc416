import { expect } from 'vitest';
import { at, type JsonObject, listAt, objectAt, textAt } from '../../src/sandbox/json.ts';
import { parseTarget } from '../../src/sandbox/request.ts';
import type { ObjectKey } from '../../src/sandbox/resources.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { send, type WireReply } from '../sandbox/https-client.ts';
import { AnyObject, type Exchange, type RecordedObject, type Recording } from './k8s-recording.ts';
import { perform, readToken, type Stage, translate, translatePath } from './k8s-stage.ts';
import { replayWatch } from './k8s-watch-replay.ts';

/** Sends a recorded request and compares the answer, and what it did, with what was recorded. */
export async function replay(stage: Stage, webhook: Recording['webhook'], exchange: Exchange): Promise<void> {
  const { store, control, server, known } = stage;
  await perform(stage, exchange.before);
  if (exchange.expected.events !== undefined) return replayWatch(stage, exchange);
  if (exchange.given !== undefined) storeObject(store, exchange.given);
  control.faults.webhook = exchange.webhook ?? webhook;
  control.faults.nextPatch = exchange.fault ?? null;
  const key = keyOf(exchange);
  const before = key === null ? null : store.get(key);
  const { method, headers, body } = exchange.request;
  const path = translatePath(exchange.request.path, known);
  const reply = await send(server, { method, path, headers, body: body && translate(body, known) });
  const answered = reply.text.startsWith('{') ? AnyObject.parse(JSON.parse(reply.text)) : {};
  checkAnswer(exchange, reply, answered);
  checkList(exchange, answered);
  if (key === null) return;
  const after = store.get(key);
  checkEffect(exchange, before, after);
  learn(exchange, after, known);
  if (exchange.expected.object !== undefined) checkObject(exchange.expected.object, answered);
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
  const { message, object, effect, generationStep, items, events, continue: token, ...rest } = expected;
  expect(seen).toMatchObject(isQuoted(expected) ? { ...rest, message } : rest);
}

function checkList({ expected }: Exchange, answered: JsonObject): void {
  if (expected.items !== undefined) {
    const names = listAt(answered, 'items').map((item) => textAt(item, 'metadata', 'name'));
    expect(names).toEqual(expected.items);
  }
  if (expected.continue === undefined) return;
  const { start } = readToken(textAt(answered, 'metadata', 'continue'));
  expect(start).toBe(readToken(expected.continue).start);
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
function checkObject(recorded: RecordedObject, answered: JsonObject): void {
  if (recorded.spec !== undefined) expect(answered['spec'] ?? null).toEqual(recorded.spec);
  expect(objectAt(answered, 'metadata', 'labels')).toEqual(recorded.labels);
  expect(objectAt(answered, 'metadata', 'annotations')).toEqual(recorded.annotations);
  const managers = listAt(answered, 'metadata', 'managedFields').map(
    (one) => `${textAt(one, 'manager')}/Update`,
  );
  if (recorded.managers !== null) expect(managers.sort()).toEqual(recorded.managers);
}
