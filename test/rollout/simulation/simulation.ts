import { advance, type TurnDeps } from '../../../src/rollout/advance.ts';
import type { Command } from '../../../src/rollout/command.ts';
import { obey } from '../../../src/rollout/obey.ts';
import { Plan } from '../../../src/rollout/plan.ts';
import type { Mesh } from '../../../src/rollout/ports/mesh.ts';
import type { Store } from '../../../src/rollout/ports/store.ts';
import { hasEnded, newRollout, type Rollout } from '../../../src/rollout/rollout.ts';
import { fakeMesh } from '../../fakes/mesh.ts';
import { fakeMetrics, mood } from '../../fakes/metrics.ts';
import { paymentTarget, rolloutId, start } from '../../fakes/rollouts.ts';
import { memoryStore } from '../../fakes/store.ts';
import { judgeRun, type Seen, type Violation } from './invariants.ts';
import { randomFrom, scheduler } from './scheduler.ts';

/** Each switch takes one protection away; the run must then find a violation. */
export type Protections = { fence?: boolean; resourceVersion?: boolean; closingWrite?: boolean };

export type RunResult = {
  seed: number;
  violations: Violation[];
  trace: string[];
  turns: number;
  faults: number;
  rollout: Rollout;
  /** True when no answer to a patch came back any more, to the very end. */
  isDeaf: boolean;
};

const where = { namespace: 'payment-prod', virtualService: 'payment-service' };
const id = rolloutId(1);
const workers = ['w1', 'w2', 'w3'];
const deeds = 220;

const simulatedPlan = Plan.parse({
  interval: 5,
  deadline: 3600,
  checks: { errors: { metric: 'errorRate', max: '1%', window: 10, failures: 2, minRequests: 50 } },
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: 15 },
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: 15 },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: 15 },
    { type: 'promote' },
  ],
});

/**
 * One rollout, several workers, and everything that may go wrong between two awaits: a worker stops there for ever,
 * or for longer than its lease; its patch is answered late, or never and lands all the same, now and then every one
 * from some instant on; alarms ring twice or not at all; people intervene. The seed fixes every choice, so a seed replays a run exactly.
 */
export async function simulate(seed: number, protections: Protections = {}): Promise<RunResult> {
  const world = await worldOf(seed, protections);
  for (let deed = 0; deed < deeds; deed += 1) {
    await world.step();
    world.observe();
  }
  await world.calmDown();
  return world.result();
}

async function worldOf(seed: number, protections: Protections) {
  const random = randomFrom(seed);
  const schedule = scheduler(random);
  const clock = { now: start };
  const mesh = fakeMesh({
    resourceVersion: protections.resourceVersion ?? true,
    closingWrite: protections.closingWrite ?? true,
  });
  mesh.add(where);
  const store = memoryStore({ now: () => clock.now, fence: protections.fence ?? true });
  const metrics = fakeMetrics();
  const uid = mesh.at(where)?.uid ?? '';
  const rollout = newRollout(
    {
      id,
      target: { ...paymentTarget, uid },
      plan: simulatedPlan,
      requestedBy: { kind: 'machine', name: 'ci' },
      reason: null,
    },
    1,
    start,
  );
  await store.create(rollout, [], null);

  const counts = { turns: 0, faults: 0, lives: 0 };
  const seen: Seen[] = [];
  let skippedSteps = false;
  const deafFrom = random() < 0.15 ? Math.floor(random() * deeds) : Number.POSITIVE_INFINITY;
  let steps = 0;
  const isDeaf = () => steps > deafFrom;

  function startTurn(worker: string): void {
    counts.lives += 1;
    const owner = `${worker}.${counts.lives}`;
    const deps: TurnDeps = {
      worker: owner,
      store: gated(store, owner),
      mesh: gatedMesh(owner),
      rest: () => pass(owner, 'rest'),
      metrics: {
        ...metrics,
        measure: (request, signal) => pass(owner, 'measure').then(() => metrics.measure(request, signal)),
      },
      alarm: { ring: () => pass(owner, 'ring') },
      deadline: () => new AbortController().signal,
    };
    counts.turns += 1;
    // A turn that throws is a turn that stopped: its successor goes on.
    advance(deps, id).catch((error: unknown) => schedule.trace.push(`${owner}: ${String(error)}`));
  }

  function oneOf<Thing>(things: [Thing, ...Thing[]] | Thing[]): Thing {
    const thing = things[Math.floor(random() * things.length)];
    if (thing === undefined) throw new Error('nothing to choose from');
    return thing;
  }

  const pass = (owner: string, label: string) => schedule.pass(owner, label);

  /** Both sides of every store call are places to stop at: before it happened, and before its answer is known. */
  function gated(inner: Store, owner: string): Store {
    const around = async <T>(label: string, call: () => Promise<T>): Promise<T> => {
      await pass(owner, `before ${label}`);
      const answer = await call();
      await pass(owner, `after ${label}`);
      return answer;
    };
    return {
      claim: (rolloutId_, worker, leaseSeconds) =>
        around('claim', () => inner.claim(rolloutId_, worker, leaseSeconds)),
      save: (rolloutId_, epoch, change) => around('save', () => inner.save(rolloutId_, epoch, change)),
      due: (limit) => around('due', () => inner.due(limit)),
      now: () => around('now', () => inner.now()),
    };
  }

  function gatedMesh(owner: string): Mesh {
    return {
      ...mesh,
      look: (target, signal) => pass(owner, 'look').then(() => mesh.look(target, signal)),
      async write(target, view, write, signal) {
        if (random() < 0.15) return detached(owner, () => mesh.write(target, view, write, signal));
        await pass(owner, `patch ${write.share} %, epoch ${write.epoch}`);
        const outcome = await mesh.write(target, view, write, signal);
        await pass(owner, `answer ${outcome.kind}`);
        return isDeaf() ? { kind: 'ambiguous' as const, why: 'the API server is slow' } : outcome;
      },
    };
  }

  /** The worker gives up waiting while its request is still on its way: it lands whenever it lands, or never. */
  async function detached(owner: string, land: () => Promise<unknown>) {
    counts.faults += 1;
    const lost = random() < 0.3;
    if (!lost) void pass('network', `late patch of ${owner}`).then(land);
    // People intervene when nothing seems to happen, which is when it hurts most.
    if (random() < 0.3) await command();
    await pass(owner, 'no answer');
    return { kind: 'ambiguous' as const, why: 'no answer' };
  }

  async function command(): Promise<void> {
    const commands: Command[] = [
      { action: 'rollback' },
      { action: 'rollback' },
      { action: 'pause' },
      { action: 'pause' },
      { action: 'resume', drift: 'reassert' },
      { action: 'resume', drift: 'adopt' },
      { action: 'advance' },
      { action: 'promote', override: ['checks'], reason: 'simulated' },
    ];
    const chosen = oneOf(commands);
    schedule.trace.push(`person: ${chosen.action}`);
    await store.command(id, (current, now) => {
      const obedience = obey(current, chosen, { kind: 'person', name: 'alice' }, now);
      if (obedience.kind !== 'obeyed') return { change: null, answer: null, remember: null };
      skippedSteps ||= chosen.action === 'promote';
      return { change: obedience.decision, answer: null, remember: null };
    });
  }

  function changeMood(): void {
    const moods = [mood.healthy, mood.healthy, mood.failing, mood.unavailable, mood.tooFew];
    metrics.set('canary', oneOf(moods));
    counts.faults += 1;
  }

  const chances: [upTo: number, deed: () => Promise<void> | void][] = [
    [0.68, () => schedule.openOne()],
    [0.8, () => startTurn(oneOf(workers))],
    [0.9, passTime],
    [0.93, crashSomebody],
    [0.96, command],
    [1, changeMood],
  ];

  async function step(): Promise<void> {
    steps += 1;
    const dice = random();
    await chances.find(([upTo]) => dice < upTo)?.[1]();
  }

  function passTime(): void {
    clock.now += Math.floor(random() * (random() < 0.15 ? 20_000 : 6000));
  }

  function crashSomebody(): void {
    const owners = schedule.ownersWaiting().filter((owner) => owner !== 'network');
    if (owners.length > 0) schedule.crash(oneOf(owners));
    counts.faults += 1;
  }

  function observe(): void {
    const current = store.find(id);
    void current.then(
      (found) => found !== null && seen.push({ rollout: found.rollout, share: mesh.shareOf(where) }),
    );
  }

  /**
   * Faults end, except that a deaf run stays deaf: what is on its way arrives, one worker sweeps, and the rollout must
   * come to its end.
   */
  async function calmDown(): Promise<void> {
    metrics.set('canary', mood.healthy);
    for (let round = 0; round < 4000; round += 1) {
      await drain();
      const found = await store.find(id);
      if (found === null || hasEnded(found.rollout)) break;
      if (found.rollout.state.kind === 'paused') await command();
      clock.now += sweepMs();
      startTurn('w1');
      await schedule.settled();
    }
    await schedule.settled();
  }

  /** Nothing is promoted without an answer: a deaf run waits for its deadline. */
  function sweepMs(): number {
    return isDeaf() ? 60_000 : 5000;
  }

  async function drain(): Promise<void> {
    while (!schedule.isIdle()) {
      await schedule.openOne();
      observe();
    }
  }

  async function result(): Promise<RunResult> {
    await schedule.settled();
    const last = (await store.find(id))?.rollout ?? rollout;
    const rows = await store.events(id, 0, 10_000);
    const violations = judgeRun({
      seen,
      last,
      share: mesh.shareOf(where),
      writes: mesh.writes(where),
      rows,
      skippedSteps,
    });
    return {
      seed,
      violations,
      trace: schedule.trace,
      rollout: last,
      turns: counts.turns,
      faults: counts.faults,
      isDeaf: isDeaf(),
    };
  }

  return { step, observe, calmDown, result };
}
