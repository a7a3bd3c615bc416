import { advance, type TurnDeps } from '../../src/rollout/advance.ts';
import type { Command } from '../../src/rollout/command.ts';
import { obey } from '../../src/rollout/obey.ts';
import { Readiness } from '../../src/rollout/plan-readiness.ts';
import type { Surroundings } from '../../src/rollout/ports/readiness.ts';
import { newRollout } from '../../src/rollout/rollout.ts';
import type { ArmTraffic } from '../fakes/arm-traffic.ts';
import { fakeMesh, type Where } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { begun, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice } from './drive.ts';
import { planOf } from './places.ts';

export const id = rolloutId(1);
export const where = { namespace: 'payment-prod', virtualService: 'payment-service' };
const watched = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '30m' }, { type: 'promote' }];

/** One rollout and all that a turn needs, in memory; the clock moves only when told. */
export async function world({
  scrapeSeconds = 1,
  checks = {},
  also = [],
  surroundings = darkSurroundings(),
  readiness,
  steps = watched,
}: {
  scrapeSeconds?: number;
  checks?: object;
  /** VirtualServices that are moved together with the one at `where`. */
  also?: Where[];
  surroundings?: Surroundings;
  /** What the plan asks of the mesh. */
  readiness?: object;
  steps?: object[];
} = {}) {
  const clock = { now: start };
  const store = memoryStore({ now: () => clock.now });
  const mesh = fakeMesh();
  mesh.add(where);
  const metrics = fakeMetrics({ scrapeSeconds });
  metrics.divideBy(() => mesh.shareOf(where));
  const mind: { canary: ArmTraffic } = { canary: mood.healthy };
  const rung: { at: number; isFree: boolean }[] = [];
  const rests: number[] = [];
  for (const other of also) mesh.add(other);
  const uidAt = (place: Where) => mesh.at(place)?.uid ?? '';
  const others = also.map((other) => ({ ...other, uid: uidAt(other), routes: paymentTarget.routes }));
  const target = { ...paymentTarget, uid: uidAt(where), also: others };
  const plan = { ...planOf(steps, checks), ...(readiness && { readiness: Readiness.parse(readiness) }) };
  await store.create(
    newRollout({ id, target, plan, requestedBy: alice, reason: null }, scrapeSeconds, start),
    [],
    null,
  );
  const deps: TurnDeps = {
    worker: 'w1',
    store,
    mesh,
    metrics,
    surroundings,
    alarm: {
      ring: async (_id, at) => {
        const isFree = (await store.due(1)).length > 0 || at > clock.now;
        rung.push({ at, isFree });
      },
    },
    deadline: () => new AbortController().signal,
    rest: async (ms) => {
      rests.push(ms);
    },
  };

  function turn(over: Partial<TurnDeps> = {}) {
    metrics.set('canary', mesh.shareOf(where) > 0 ? mind.canary : mood.none);
    return advance({ ...deps, ...over }, id);
  }

  /** Turns when they are due, until `seconds` have passed. */
  async function run(seconds: number): Promise<void> {
    const until = clock.now + seconds * 1000;
    for (;;) {
      const nextAt = (await store.find(id))?.nextAt ?? null;
      if (nextAt === null || nextAt > until) break;
      clock.now = Math.max(clock.now, nextAt);
      await turn();
    }
    clock.now = until;
  }

  const found = async () => begun((await store.find(id))?.rollout);
  const say = (command: Command) =>
    store.command(id, (rollout, now) => {
      const obedience = obey(begun(rollout), command, alice, now);
      const change = obedience.kind === 'obeyed' ? obedience.decision : null;
      return { change, answer: obedience.kind, remember: null };
    });
  return { clock, store, mesh, metrics, mind, rung, rests, deps, turn, run, found, say };
}

/** At 5 %, its lease given back and its next poll 10 s ahead. */
export async function atFive(options: Parameters<typeof world>[0] = {}) {
  const made = await world(options);
  await made.turn();
  return made;
}

/** At 5 % and turned back by a person; the turn that writes 0 % is due. */
export async function turnedBack() {
  const made = await atFive();
  await made.say({ action: 'rollback' });
  return made;
}
