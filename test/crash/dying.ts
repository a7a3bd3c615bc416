import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import type { TurnDeps } from '../../src/rollout/advance.ts';

type Crash = { service: string; point: string; direction: 'on' | 'back' };

const Row = z.tuple([z.object({ service: z.string(), status: z.string() })]);

/**
 * Every rollout that is named has one turn in which it stops for ever at its point, going forward or going back. These
 * turns begin together, so that all their leases are fresh, and when all of them have stopped the process kills itself.
 * All other turns run as they always do.
 */
export function dyingAt(crashes: Crash[], pool: pg.Pool, deps: TurnDeps): TurnDeps {
  const stage = openStage(crashes);
  const { store, mesh, alarm } = deps;
  const services = new Map<string, string>();
  const named = (id: string) => services.get(id) ?? '';
  return {
    ...deps,
    store: {
      ...store,
      claim: async (id, ...asked) => {
        const { service, status } = await rowOf(pool, id);
        services.set(id, service);
        if (stage.isFatal(service, status) && !(await stage.enter(service))) return null;
        await stage.pass('before-claim', service);
        const claim = await store.claim(id, ...asked);
        await stage.pass('after-claim', service);
        return claim;
      },
      save: async (id, epoch, change) => {
        const name = change.release ? 'settle' : 'intent';
        await stage.pass(`before-${name}`, named(id));
        const saved = await store.save(id, epoch, change);
        await stage.pass(`after-${name}`, named(id));
        return saved;
      },
    },
    mesh: {
      ...mesh,
      look: async (target, ...asked) => {
        await stage.pass('before-look', target.virtualService);
        const view = await mesh.look(target, ...asked);
        await stage.pass('after-look', target.virtualService);
        return view;
      },
      write: async (target, ...write) => {
        await stage.pass('before-patch', target.virtualService);
        await stage.goesLast(target.virtualService);
        const outcome = mesh.write(target, ...write);
        await stage.passOnTheWay(target.virtualService);
        const answer = await outcome;
        await stage.pass('after-patch', target.virtualService);
        return answer;
      },
    },
    alarm: {
      ring: async (id, ...when) => {
        await stage.pass('before-ring', named(id));
        await alarm.ring(id, ...when);
        await stage.pass('after-ring', named(id));
      },
    },
  };
}

async function rowOf(pool: pg.Pool, id: string): Promise<{ service: string; status: string }> {
  const found = await pool.query('select virtual_service as service, status from rollout where id = $1', [
    id,
  ]);
  const [row] = Row.parse(found.rows);
  return row;
}

/** Where the turns that end here meet, begin together and stop. */
function openStage(crashes: Crash[]) {
  const entered = new Set<string>();
  const stopped = new Set<string>();
  const begun = door();
  const almostOver = door();
  const last = crashes.filter(({ point }) => point === 'during-patch').length;
  return {
    isFatal: (service: string, status: string) =>
      crashes.some((one) => one.service === service && statusOf[one.direction] === status),
    /** Waits until every turn is there; false for one that was there before, when its lease has run out. */
    enter: async (service: string): Promise<boolean> => {
      if (entered.has(service)) return false;
      entered.add(service);
      if (entered.size === crashes.length) begun.open();
      await begun.opened;
      return true;
    },
    /** Waits until only those are left whose patch is to be on its way at the end. */
    goesLast: (service: string) => (isHere('during-patch', service) ? almostOver.opened : Promise.resolve()),
    pass,
    /** The same while a patch is on its way: not so soon that it never left. */
    passOnTheWay: async (service: string): Promise<void> => {
      if (isHere('during-patch', service)) await wait(onTheWayMs);
      return pass('during-patch', service);
    },
  };

  /** Goes by, or never comes back. The last one to stop ends the process. */
  async function pass(point: string, service: string): Promise<void> {
    if (!isHere(point, service)) return;
    stopped.add(service);
    if (stopped.size === crashes.length - last) almostOver.open();
    if (stopped.size === crashes.length) process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  }

  function isHere(point: string, service: string): boolean {
    return entered.has(service) && crashes.some((one) => one.service === service && one.point === point);
  }
}

const onTheWayMs = 2;

/** The state in which a rollout is claimed for the turn that writes its weight. */
const statusOf = { on: 'preflight', back: 'rolling_back' } as const;

function door() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
