import { z } from 'zod';
import { advance, type TurnDeps } from '../../src/rollout/advance.ts';
import type { AuditRow } from '../../src/rollout/audit.ts';
import type { Command } from '../../src/rollout/command.ts';
import { type Explanation, explain } from '../../src/rollout/explain.ts';
import { obey } from '../../src/rollout/obey.ts';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import { newRollout, statusOf } from '../../src/rollout/rollout.ts';
import { exitCodeOf, statusReasonOf } from '../../src/rollout/status-reason.ts';
import type { Target } from '../../src/rollout/target.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox, storeObject } from '../../src/sandbox/sandbox.ts';
import { istioMesh } from '../../src/traffic/istio.ts';
import { connectKube } from '../../src/traffic/kube.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { begun, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice } from '../rollout/drive.ts';
import { planOf } from '../rollout/places.ts';
import { namespace, virtualServiceObject } from './sandbox-mesh.ts';

export const id = rolloutId(1);
const where = { namespace, virtualService: 'payment' };
const key = { type: virtualServices, namespace, name: where.virtualService };
const steps = [
  { type: 'setWeight', weight: 5 },
  { type: 'bake', duration: '1m' },
  { type: 'setWeight', weight: 20 },
  { type: 'bake', duration: '30m' },
  { type: 'promote' },
];

export type ReleaseOptions = {
  /** More of the plan. */
  plan?: object;
  object?: JsonObject;
  /** The routes that are moved; without them `primary` alone. */
  routes?: string[];
  /** Between the core and the mesh, to come in between. */
  around?: (mesh: Mesh, sandbox: Sandbox) => Mesh;
};

/**
 * A release on the sandbox through the real adapter and the real turns, with a database in memory and a clock that
 * moves only when told; it stands at 5 %.
 */
export async function release(options: ReleaseOptions = {}) {
  const { plan = {}, object = virtualServiceObject(where, { v1: 100, v2: 0 }), around } = options;
  const { routes = ['primary'] } = options;
  const sandbox = await startSandbox({ tickMs: 0 });
  storeObject(sandbox.store, object);
  const source = { kind: 'text' as const, text: sandbox.kubeconfig };
  const kube = await connectKube(source, { readTimeoutMs: 1000, writeTimeoutMs: 100 });
  const adapter = istioMesh(kube, { clusterDomain: 'cluster.local' });
  const mesh = around === undefined ? adapter : around(adapter, sandbox);
  const clock = stoppedClock();
  const store = memoryStore({ now: () => clock.now() });
  const metrics = fakeMetrics({ scrapeSeconds: 1 });
  const weights = () => weightsOf(sandbox.store.get(key));
  metrics.divideBy(() => {
    const [stable = 0, canary = 0] = weights();
    return (100 * canary) / (stable + canary);
  });
  const target = await targetOf(mesh, routes);
  const asked = { id, target, plan: planOf(steps, plan), requestedBy: alice, reason: null };
  await store.create(newRollout(asked, 1, start), [], null);
  const deps: TurnDeps = {
    worker: 'w1',
    store,
    mesh,
    metrics,
    surroundings: darkSurroundings(),
    alarm: { ring: async () => {} },
    deadline: clock.deadline,
    rest: clock.rest,
  };

  const found = async () => begun((await store.find(id))?.rollout);

  async function turn(): Promise<void> {
    const { traffic } = await found();
    metrics.set('canary', traffic.applied > 0 ? mood.healthy : mood.none);
    metrics.set('stable', mood.healthy);
    await advance(deps, id);
  }

  /** Turns when they are due, until so many seconds have passed. */
  async function run(seconds: number): Promise<void> {
    const until = clock.now() + seconds * 1000;
    for (;;) {
      const nextAt = (await store.find(id))?.nextAt ?? null;
      if (nextAt === null || nextAt > until) break;
      clock.moveTo(nextAt);
      await turn();
    }
    clock.moveTo(until);
  }

  const made = {
    sandbox,
    kube,
    mesh,
    clock,
    found,
    run,
    events: (): Promise<AuditRow[]> => store.events(id, 0, 500),
    say: (command: Command) =>
      store.command(id, (rollout, now) => {
        const obedience = obey(begun(rollout), command, alice, now);
        const change = obedience.kind === 'obeyed' ? obedience.decision : null;
        return { change, answer: obedience, remember: null };
      }),
    /** Status, its word, the exit code and the weights in the mesh. */
    async stands() {
      const rollout = await found();
      return {
        status: statusOf(rollout),
        reason: statusReasonOf(rollout),
        exit: exitCodeOf(rollout),
        weights: weights(),
      };
    },
    async told(): Promise<Explanation> {
      const entry = await store.find(id);
      return explain(begun(entry?.rollout), entry?.nextAt ?? null, clock.now());
    },
    /** Somebody else changes the text of the object, under this name. */
    edit(manager: string, from: string | RegExp, to: string): void {
      const text = JSON.stringify(sandbox.store.get(key));
      const changed = text.replace(from, to);
      if (changed === text) throw new Error(`there is no ${from} in ${text}`);
      sandbox.store.update(key, JSON.parse(changed), manager);
    },
    /** The object as it stands, as text. */
    text: (): string => JSON.stringify(sandbox.store.get(key)),
    /** Somebody takes rights from canaryd, or gives them back. */
    allow(...verbs: string[]): void {
      const user = sandbox.users.find(({ name }) => name === 'canaryd');
      if (user === undefined) throw new Error('the sandbox has no user canaryd');
      const rules = [{ verbs, groups: ['*'], resources: ['*'] }];
      sandbox.users.splice(sandbox.users.indexOf(user), 1, { ...user, rules });
    },
    async close(): Promise<void> {
      sandbox.faults.releaseHeld();
      await kube.close();
      await sandbox.close();
    },
  };
  await run(5);
  return made;
}

export type Release = Awaited<ReturnType<typeof release>>;

const Routes = z.object({
  spec: z.object({
    http: z.array(
      z.object({
        name: z.string().optional(),
        route: z.array(z.object({ weight: z.number().default(0) })).default([]),
      }),
    ),
  }),
});

/** Those of the route `primary`; none when there is no such route. */
function weightsOf(object: unknown): number[] {
  const route = Routes.safeParse(object).data?.spec.http.find(({ name }) => name === 'primary');
  return (route?.route ?? []).map(({ weight }) => weight);
}

async function targetOf(mesh: Mesh, routes: string[]): Promise<Target> {
  const resolution = await mesh.resolve(
    { cluster: 'default', ...where, routes },
    new AbortController().signal,
  );
  if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution));
  return resolution.target;
}

/** The object of a release with a second route, which nobody moves. */
export function withSecondRoute(): JsonObject {
  const object = virtualServiceObject(where, { v1: 100, v2: 0 });
  const text = JSON.stringify(object).replace('"http":[', `"http":[${other},`);
  return JSON.parse(text);
}

const other = JSON.stringify({
  name: 'other',
  match: [{ uri: { prefix: '/reports' } }],
  route: [{ destination: { host: 'payment-service', subset: 'v1' } }],
});

/** How much longer a rest is than it is asked for, so that a storm ends the budget of a turn sooner. */
const patience = 10;

/** A rest takes no time and moves the clock; deadlines are passed by it alone. */
function stoppedClock() {
  let now = start;
  const deadlines: { at: number; controller: AbortController }[] = [];
  function moveTo(instant: number): void {
    now = Math.max(now, instant);
    for (const { at, controller } of deadlines) if (at <= now) controller.abort();
  }
  return {
    now: () => now,
    moveTo,
    deadline: (ms: number): AbortSignal => {
      const controller = new AbortController();
      deadlines.push({ at: now + ms, controller });
      return controller.signal;
    },
    rest: async (ms: number): Promise<void> => moveTo(now + ms * patience),
  };
}
