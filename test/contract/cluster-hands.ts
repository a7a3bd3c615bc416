import { setTimeout as wait } from 'node:timers/promises';
import { type Json, type JsonObject, listAt, objectAt, textAt } from '../../src/sandbox/json.ts';
import { send, type WireReply } from '../sandbox/https-client.ts';
import type { Fence } from './cluster-fence.ts';

/** What others do in the namespace of the suite. Every call raises an error when the cluster refuses. */
export type Hands = {
  create(collection: string, object: Json): Promise<void>;
  merge(path: string, patch: Json): Promise<void>;
  remove(path: string): Promise<void>;
  get(path: string): Promise<Json>;
  /** Waits until the object is gone; raises an error after two minutes. */
  untilGone(path: string): Promise<void>;
};

const everyMs = 250;
const patienceMs = 120_000;

/** Hands that reach the cluster through the fence. */
export function handsThrough(fence: Fence): Hands {
  const call = (method: string, path: string, body?: Json, contentType = 'application/json') => {
    const headers = { authorization: `Bearer ${fence.token}`, 'content-type': contentType };
    const text = body === undefined ? null : JSON.stringify(body);
    return send(fence, { method, path, headers, body: text }, AbortSignal.timeout(30_000));
  };
  return {
    create: async (collection, object) => {
      // A fresh namespace gets its service account a moment later; pods are refused until then.
      const reply = await repeated(
        () => call('POST', collection, object),
        ({ status, text }) => status === 403 && text.includes('serviceaccount'),
      );
      expectDone('POST', collection, reply);
    },
    merge: async (path, patch) =>
      expectDone('PATCH', path, await call('PATCH', path, patch, 'application/merge-patch+json')),
    remove: async (path) => expectDone('DELETE', path, await call('DELETE', path)),
    get: async (path) => {
      const reply = await call('GET', path);
      expectDone('GET', path, reply);
      return JSON.parse(reply.text);
    },
    untilGone: async (path) => {
      const reply = await repeated(
        () => call('GET', path),
        ({ status }) => status !== 404,
        patienceMs,
      );
      if (reply.status !== 404) throw new Error(`${path} is still there after ${patienceMs / 1000} s`);
    },
  };
}

/** Asks again while the answer says to, for ten seconds or as long as told; gives back the last answer. */
async function repeated(
  ask: () => Promise<WireReply>,
  isEarly: (reply: WireReply) => boolean,
  forMs = 10_000,
): Promise<WireReply> {
  const until = Date.now() + forMs;
  let reply = await ask();
  while (isEarly(reply) && Date.now() < until) {
    await wait(everyMs);
    reply = await ask();
  }
  return reply;
}

function expectDone(method: string, path: string, { status, text }: WireReply): void {
  if (status < 300) return;
  const why = text.startsWith('{') ? textAt(JSON.parse(text), 'message') : text.trim();
  throw new Error(`${method} ${path} answered ${status}: ${why}`);
}

/** The weights of the only route, in its order; null where none is written. */
export function weightsIn(virtualService: Json): (number | null)[] {
  return listAt(virtualService, 'spec', 'http', 0, 'route').map((route) => {
    const weight = Object(route).weight;
    return typeof weight === 'number' ? weight : null;
  });
}

/** The same http routes, but canaryd's own send everybody to the canary. */
export function spoiled(http: readonly JsonObject[]): JsonObject[] {
  return http.map((route) => {
    const { match: _match, ...rest } = route;
    return String(route['name']).startsWith('canaryd-')
      ? { ...rest, match: [{ uri: { prefix: '/' } }] }
      : route;
  });
}

/** The http routes in their order. */
export function httpIn(virtualService: Json): JsonObject[] {
  return listAt(virtualService, 'spec', 'http').map((route) => objectAt(route));
}
