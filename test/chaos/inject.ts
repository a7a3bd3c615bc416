import { setTimeout as wait } from 'node:timers/promises';
import type { PatchFault } from '../../src/sandbox/faults.ts';
import { isObject, type Json } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { isLive } from './evidence.ts';
import type { Worker } from './fleet.ts';
import { namespace, services } from './mesh.ts';
import { type Seam, seams } from './messages.ts';
import { say } from './people.ts';
import type { FaultKind } from './schedule.ts';
import { parts, type World } from './world.ts';

type Random = () => number;
/** `over` aborts when no more faults are wanted. */
type Inject = (world: World, random: Random, over: AbortSignal) => Promise<boolean>;

/** The stops of a run, one after the other. */
const stops = new WeakMap<World, Promise<unknown>>();

/** Makes each fault happen, and answers once it is over: whether it did. */
export const inject: Record<FaultKind, Inject> = {
  kill: async ({ fleet }, random) => {
    const worker = fleet.pick(random());
    worker?.signal('SIGKILL');
    return worker !== null;
  },
  killMidTurn: async ({ fleet }, random) => {
    const worker = fleet.pick(random());
    worker?.tell({ kind: 'endAt', how: 'SIGKILL', seam: pick(seams, random) });
    return worker !== null;
  },
  stop: (world, random, over) =>
    oneAtATime(world, over, async () => {
      const worker = world.fleet.pick(random());
      worker?.signal('SIGSTOP');
      await wait(pastTheLease(random));
      worker?.signal('SIGCONT');
      return worker !== null;
    }),
  stopMidTurn: (world, random, over) =>
    oneAtATime(world, over, () => {
      const worker = world.fleet.pick(random());
      const [seam, ms] = [pick(seams, random), pastTheLease(random)];
      return stopFirst(worker === null ? [] : [worker], seam, () => wait(ms));
    }),
  stopAndWord: (world, _random, over) =>
    oneAtATime(world, over, () => stopFirst(world.fleet.all(), 'before raise', (id) => takenBack(world, id))),
  stopFirstAndWord: (world, _random, over) =>
    oneAtATime(world, over, () =>
      stopFirst(world.fleet.all(), 'before first raise', (id) => takenBack(world, id)),
    ),
  stopAndPause: (world, _random, over) =>
    oneAtATime(world, over, () =>
      stopFirst(world.fleet.all(), 'before step', (id) => say(world, id, 'pause')),
    ),
  terminateBackends: async ({ db }) => {
    await db.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and application_name like 'canaryd%'`);
    return true;
  },
  redisCrash: async ({ redis }) => done(redis.crash()),
  redisFlush: async ({ redis }) => done(redis.flush()),
  redisStop: async ({ redis }, random) => {
    redis.signal('SIGSTOP');
    await wait(1000 + random() * 2000);
    redis.signal('SIGCONT');
    return true;
  },
  tcpLatency: async ({ proxies }, random) => {
    const proxy = proxies[pick(parts, random)];
    proxy.delay(20 + random() * 300);
    await wait(1000 + random() * 2000);
    proxy.delay(0);
    return true;
  },
  tcpReset: async ({ proxies }, random) => {
    proxies[pick(parts, random)].reset();
    return true;
  },
  tcpBlackHole: async ({ proxies }, random) => {
    const lift = proxies[pick(parts, random)].blackHole();
    await wait(500 + random() * 3500);
    lift();
    return true;
  },
  patchFault: async ({ sandbox }, random) => {
    sandbox.faults.nextPatch = pick(patchFaults, random);
    return true;
  },
  latePatch: async ({ sandbox }, random) => {
    sandbox.faults.nextPatch = 'hold';
    await wait(1500 + random() * 4000);
    sandbox.faults.releaseHeld();
    return true;
  },
  apiServerDown: async ({ sandbox }, random) => {
    sandbox.faults.apiDown = true;
    await wait(500 + random() * 2000);
    sandbox.faults.apiDown = false;
    return true;
  },
  apiServerLatency: async ({ sandbox }, random) => {
    sandbox.faults.latencyMs = 50 + random() * 1500;
    await wait(1000 + random() * 2000);
    sandbox.faults.latencyMs = 0;
    return true;
  },
  otherWriter: async (world, random) => {
    editTimeout(world, pick(services, random), Math.ceil(random() * 1000));
    return true;
  },
};

/** How long a worker has to come to the place where it is to stop. */
const comingMs = 3000;

const patchFaults: readonly PatchFault[] = [
  'hang',
  'hangAfterApply',
  'resetBeforeApply',
  'resetAfterApply',
  'unauthorized',
  'forbidden',
  'conflict',
  'throttle',
  'serverError',
  'webhookDown',
  'webhookTimeout',
  'etcdTimeout',
];

function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Redis may be under another fault just now. */
async function done(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}

/** Milliseconds: longer than the lease of a run, so that somebody else goes on. */
function pastTheLease(random: Random): number {
  return 2200 + random() * 2500;
}

/** Stops take longer than the rests between faults: those that still wait at the end are left out. */
async function oneAtATime(world: World, over: AbortSignal, stop: () => Promise<boolean>): Promise<boolean> {
  const mine = (stops.get(world) ?? Promise.resolve()).then(() => (over.aborted ? false : stop()));
  stops.set(
    world,
    mine.catch(() => undefined),
  );
  return mine;
}

/** Stops the worker that comes to a place first, for as long as `meanwhile` takes; answers whether one came. */
async function stopFirst(
  workers: Worker[],
  seam: Seam,
  meanwhile: (id: string) => Promise<unknown>,
): Promise<boolean> {
  const stopped = workers.map(async (worker) => {
    worker.tell({ kind: 'endAt', how: 'SIGSTOP', seam });
    const id = await worker.untilEnding(comingMs);
    for (const one of workers) one.tell({ kind: 'forget' });
    if (id === null) {
      // It may have come there while it was told to forget it.
      void worker.untilEnding(comingMs).then(() => worker.signal('SIGCONT'));
      return false;
    }
    await meanwhile(id);
    worker.signal('SIGCONT');
    return true;
  });
  return (await Promise.all(stopped)).includes(true);
}

/** A person takes a rollout back, and somebody else does it within the time that a patch has. */
async function takenBack(world: World, id: string): Promise<void> {
  const until = performance.now() + 2600;
  await say(world, id, 'rollback');
  while (performance.now() < until && (await isLive(world.db, id))) await wait(50);
}

/** Somebody else's change that canaryd has to keep. */
function editTimeout({ sandbox: { store } }: World, name: string, ms: number): void {
  const key = { type: virtualServices, namespace, name };
  const object: Json = JSON.parse(
    JSON.stringify(store.get(key)).replace(/"timeout":"[^"]*"/, `"timeout":"${5000 + ms}ms"`),
  );
  if (isObject(object)) store.update(key, object, 'kubectl-edit');
}
