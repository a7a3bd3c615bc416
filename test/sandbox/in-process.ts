import { defaultUsers, type User } from '../../src/sandbox/auth.ts';
import { type Json, type JsonObject, textAt } from '../../src/sandbox/json.ts';
import { readUrl } from '../../src/sandbox/request.ts';
import { route } from '../../src/sandbox/router.ts';
import type { Reply } from '../../src/sandbox/status.ts';
import { createStore, type ObjectStore } from '../../src/sandbox/store.ts';
import { storeNamespace } from '../../src/sandbox/workloads.ts';
import { type HandClock, handClock } from '../contract/hand-clock.ts';

/** The simulated API server without a network: an administrator's requests, answered at once. */
export type InProcess = {
  store: ObjectStore;
  clock: HandClock;
  ask(method: string, path: string, body?: Json, contentType?: string): Reply;
  /** Opens a watch: the events so far, and how to end it as a client does that goes away. */
  watch(path: string): { events: JsonObject[]; isOver(): boolean; leave(): void };
};

export function inProcess(): InProcess {
  const now = () => new Date('2026-11-23T02:00:00Z');
  const store = createStore({ seed: 1, now });
  const clock = handClock();
  storeNamespace(store, 'demo');
  const cluster = { store, now, after: clock.after, webhook: () => 'off' as const };
  const ask = (method: string, path: string, body?: Json, contentType = 'application/json') =>
    route(cluster, admin(), {
      method,
      ...readUrl(path),
      body: body === undefined ? '' : JSON.stringify(body),
      contentType,
      userAgent: 'test',
    });
  return {
    store,
    clock,
    ask,
    watch: (path) => {
      const { feed } = ask('GET', path);
      if (feed === undefined) throw new Error(`${path} is no watch`);
      const events: JsonObject[] = [];
      let isOver = false;
      const end = () => {
        isOver = true;
      };
      const leave = feed({ send: (event) => events.push(event), end });
      return { events, isOver: () => isOver, leave };
    },
  };
}

function admin(): User {
  const found = defaultUsers().find(({ name }) => name === 'admin');
  if (found === undefined) throw new Error('there is no admin');
  return found;
}

/** What somebody knows who has followed these events: the objects by name. */
export function fold(start: readonly JsonObject[], events: readonly JsonObject[]): Map<string, JsonObject> {
  const nameOf = (object: JsonObject) => textAt(object, 'metadata', 'name');
  const known = new Map(start.map((object) => [nameOf(object), object]));
  for (const { type, object } of events) {
    const one: JsonObject = Object(object);
    if (type === 'DELETED') known.delete(nameOf(one));
    if (type === 'ADDED' || type === 'MODIFIED') known.set(nameOf(one), one);
  }
  return known;
}
