import { type ApiServer, startApiServer } from '../../src/sandbox/api-server.ts';
import { defaultUsers, type User } from '../../src/sandbox/auth.ts';
import { createFaults, type FaultControl } from '../../src/sandbox/faults.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { createStore, type ObjectStore } from '../../src/sandbox/store.ts';
import { storeNamespace } from '../../src/sandbox/workloads.ts';
import { send } from '../sandbox/https-client.ts';
import { type HandClock, handClock } from './hand-clock.ts';
import type { Action } from './k8s-recording.ts';

/** The simulated API server as the recorded cluster was: its namespaces, its users, and versions by recorded number. */
export type Stage = {
  server: ApiServer;
  store: ObjectStore;
  control: FaultControl;
  clock: HandClock;
  known: Map<string, string>;
};

export async function openStage(initial: readonly JsonObject[]): Promise<Stage> {
  const now = () => new Date('2026-11-23T02:00:00Z');
  const store = createStore({ seed: 1, now });
  for (const name of ['demo', 'authz', 'default']) storeNamespace(store, name);
  for (const object of initial) storeObject(store, object);
  const control = createFaults();
  const clock = handClock();
  const server = await startApiServer({ store, users: recordedUsers(), control, now, after: clock.after });
  return { server, store, control, clock, known: new Map() };
}

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

/** Does what others did in the recorded cluster. */
export async function perform(stage: Stage, actions: readonly Action[]): Promise<void> {
  for (const action of actions) await performOne(stage, action);
}

async function performOne({ server, store, known }: Stage, action: Action): Promise<void> {
  if (action.do === 'forget') return store.history.forget();
  if (action.do === 'mark') return void known.set(action.version, String(store.version()));
  const { method, path, contentType, body } = action;
  const headers = {
    authorization: 'Bearer admin-token',
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
  };
  const text = body === undefined ? null : JSON.stringify(body);
  const reply = await send(server, { method, path, headers, body: text });
  if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.text}`);
}

/** Versions and uids differ from run to run: the recorded ones are replaced by those of the same moment here. */
export function translate(text: string, known: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [recorded, ours] of known) result = result.replaceAll(`"${recorded}"`, `"${ours}"`);
  return result;
}

/** The same for versions and continue tokens in a URL. */
export function translatePath(path: string, known: ReadonlyMap<string, string>): string {
  return path
    .replace(/(?<=resourceVersion=)\d+/, (version) => known.get(version) ?? version)
    .replace(/(?<=continue=)ey[\w-]+/, (token) => {
      const { rv, ...place } = readToken(token);
      const ours = { ...place, rv: Number(known.get(String(rv)) ?? rv) };
      return Buffer.from(JSON.stringify(ours)).toString('base64url');
    });
}

/** What a continue token of the API server holds. */
export function readToken(token: string): { v: string; rv: number; start: string } {
  return JSON.parse(Buffer.from(token, 'base64url').toString());
}
