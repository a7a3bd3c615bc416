import { advance, type TurnDeps } from '../../../src/rollout/advance.ts';
import { pendingIn } from '../../../src/rollout/approval.ts';
import { obey } from '../../../src/rollout/obey.ts';
import type { Mesh } from '../../../src/rollout/ports/mesh.ts';
import type { HoldOrder } from '../../../src/rollout/ports/store.ts';
import { hasEnded, isScheduled, newRollout, type Rollout } from '../../../src/rollout/rollout.ts';
import { fakeMesh } from '../../fakes/mesh.ts';
import { fakeMetrics, mood } from '../../fakes/metrics.ts';
import { paymentTarget, rolloutId, start } from '../../fakes/rollouts.ts';
import { memoryStore } from '../../fakes/store.ts';
import type { Seen, Violation } from './evidence.ts';
import { forwardClock } from './forward-clock.ts';
import { hasNoWayBack, judgeRun } from './invariants.ts';
import { emptyLogbook, frozen } from './logbook.ts';
import { alice, anyWord, helpfulWord, type Said } from './people.ts';
import { planFor } from './plans.ts';
import { imagesIn, readinessIn, workload } from './pods.ts';
import { randomFrom, scheduler } from './scheduler.ts';
import { type Protections, seenBy, storeOf, type Under } from './shell.ts';

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

/**
 * One rollout, several workers, and everything that may go wrong between two awaits: a worker stops there for ever,
 * or for longer than its lease; its patch is answered late, or never and lands all the same, now and then every one
 * from some instant on; alarms ring twice or not at all; people intervene, approve what they should not, stop
 * everything, and release either version anew. The seed fixes every choice, so a seed replays a run exactly.
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
  const arms = { stable: workload('v1'), canary: workload('v2') };
  const dice = random();
  const plan = planFor(protections.plan ?? dice);
  const target = { ...paymentTarget, uid: mesh.at(where)?.uid ?? '' };
  const asked = { id, target, plan, requestedBy: alice, reason: null };
  const rollout = newRollout(asked, 1, start);
  await store.create(rollout, [], null);

  const counts = { turns: 0, faults: 0, lives: 0 };
  const seen: Seen[] = [];
  const logbook = emptyLogbook();
  const forward = forwardClock(start);
  let order: HoldOrder | null = null;
  const deafFrom = random() < 0.15 ? Math.floor(random() * deeds) : Number.POSITIVE_INFINITY;
  const turnsBad = random() < 0.2;
  let steps = 0;
  const isDeaf = () => steps > deafFrom;
  const pass = (owner: string, label: string) => schedule.pass(owner, label);
  const current = () => logbook.changes.at(-1)?.after ?? rollout;
  const shellDeps = {
    logbook,
    protections,
    pass,
    current,
    order: () => order,
    forwardMs: () => forward.ms(clock.now),
    look: () => ({ at: clock.now, stable: arms.stable.pods(), canary: arms.canary.pods() }),
    share: () => mesh.shareOf(where),
  };
  showPods();

  function startTurn(worker: string): void {
    counts.lives += 1;
    const owner = `${worker}.${counts.lives}`;
    const under: Under = { turn: null };
    const measure: TurnDeps['metrics']['measure'] = async (request, signal) => {
      await pass(owner, 'measure');
      return frozen(await metrics.measure(request, signal));
    };
    const deps: TurnDeps = {
      worker: owner,
      store: storeOf(store, owner, under, shellDeps),
      mesh: gatedMesh(owner, under),
      rest: () => pass(owner, 'rest'),
      metrics: { ...metrics, measure },
      alarm: { ring: () => pass(owner, 'ring') },
      deadline: () => new AbortController().signal,
    };
    counts.turns += 1;
    advance(deps, id).catch((error: unknown) => logbook.errors.push(`${owner}: ${String(error)}`));
  }

  function oneOf<Thing>(things: Thing[]): Thing {
    const thing = things[Math.floor(random() * things.length)];
    if (thing === undefined) throw new Error('nothing to choose from');
    return thing;
  }

  function gatedMesh(owner: string, under: Under): Mesh {
    return {
      ...mesh,
      look: async (target_, signal) => {
        await pass(owner, 'look');
        return seenBy(under, shellDeps, () => mesh.look(target_, signal));
      },
      async write(target_, view, write, signal) {
        if (random() < 0.15) return detached(owner, () => mesh.write(target_, view, write, signal));
        await pass(owner, `patch ${write.share} %, epoch ${write.epoch}`);
        const outcome = await mesh.write(target_, view, write, signal);
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
    await say(anyWord(current(), oneOf));
  }

  async function say({ command: word, actor }: Said): Promise<void> {
    schedule.trace.push(`${actor.name}: ${word.action}`);
    await store.command(id, (before, now) => {
      if (isScheduled(before)) throw new Error('nothing is scheduled here');
      const obedience = obey(frozen(protections.mistake?.(before) ?? before), word, actor, now);
      if (obedience.kind !== 'obeyed') return { change: null, answer: null, remember: null };
      const after = obedience.decision.rollout;
      logbook.words.push({ command: word, actor, before, pending: pendingIn(before.approvals) });
      logbook.changes.push({ before, after, by: 'word', turn: null, share: mesh.shareOf(where) });
      return { change: obedience.decision, answer: null, remember: null };
    });
  }

  function changeMood(): void {
    const moods = [mood.healthy, mood.healthy, mood.failing, mood.unavailable, mood.tooFew];
    metrics.set(random() < 0.1 ? 'stable' : 'canary', oneOf(moods));
    counts.faults += 1;
  }

  function pullOrLift(): void {
    const scope = { cluster: null, namespace: null };
    order = order === null ? { id: 'ho_1', ...scope, by: alice, reason: null, at: clock.now } : null;
    forward.setStopped(order !== null, clock.now);
  }

  function showPods(): void {
    for (const [arm, subset] of [
      ['stable', 'v1'],
      ['canary', 'v2'],
    ] as const) {
      const pods = arms[arm].pods();
      mesh.setImages(where, subset, imagesIn(pods));
      mesh.setReadiness(where, subset, readinessIn(pods));
    }
    noteRedeployment();
  }

  function noteRedeployment(): void {
    for (const { template, ready } of arms.canary.pods()) {
      const isNew = ready && !logbook.redeployments.some((one) => one.template === template);
      if (isNew) logbook.redeployments.push({ at: clock.now, template });
    }
  }

  function redeploy(): void {
    const { stable, canary } = arms;
    const dice = random();
    const deed = redeployments(current().state.kind === 'handingOver').find(([upTo]) => dice < upTo);
    if (deed === undefined) oneOf([stable, canary]).rollOn(random() < 0.5);
    else deed[1]();
    showPods();
  }

  /** Stable follows the canary above all when it is waited for. */
  function redeployments(isAwaited: boolean): [upTo: number, deed: () => void][] {
    const { stable, canary } = arms;
    return [
      [0.1, () => canary.release(`v${3 + Math.floor(random() * 3)}`)],
      [0.2, () => canary.release(canary.build())],
      [isAwaited ? 0.6 : 0.35, () => stable.release(canary.build())],
      [isAwaited ? 0.65 : 0.4, () => stable.release('v1')],
    ];
  }

  const chances: [upTo: number, deed: () => Promise<void> | void][] = [
    [0.66, () => schedule.openOne()],
    [0.77, () => startTurn(oneOf(workers))],
    [0.88, passTime],
    [0.905, crashSomebody],
    [0.935, command],
    [0.965, changeMood],
    [0.975, pullOrLift],
    [1, redeploy],
  ];

  async function step(): Promise<void> {
    steps += 1;
    const dice = random();
    if (dice >= 0.905 && isQuiet() && random() < 0.8) return;
    await chances.find(([upTo]) => dice < upTo)?.[1]();
  }

  /** Much is left in peace at first, or few would ever come far. */
  function isQuiet(): boolean {
    const kind = seen.at(-1)?.rollout.state.kind ?? 'preflight';
    return plan.onSuccess === 'handover' ? kind !== 'handingOver' : kind === 'preflight';
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
    forward.see(current().state, clock.now);
    seen.push({ rollout: current(), share: mesh.shareOf(where) });
  }

  /**
   * Faults end, except that a deaf run stays deaf: what is on its way arrives, one worker sweeps, and the rollout must
   * come to its end. In some runs the canary fails instead and nobody helps: its traffic must go all the same.
   */
  async function calmDown(): Promise<void> {
    metrics.set('canary', turnsBad ? mood.failing : mood.healthy);
    metrics.set('stable', mood.healthy);
    for (let round = 0; round < 4000; round += 1) {
      await drain();
      if (isOver(current())) break;
      if (!turnsBad) await help(current());
      clock.now += sweepMs();
      startTurn('w1');
      await schedule.settled();
    }
    await schedule.settled();
  }

  /** Where nobody helps, it is enough that no user is left on the canary. */
  function isOver(now: Rollout): boolean {
    const isLeft = mesh.shareOf(where) === 0 && now.traffic.intent === null && now.state.kind !== 'running';
    return hasEnded(now) || (turnsBad && (isLeft || hasNoWayBack(now.state)));
  }

  async function help(now: Rollout): Promise<void> {
    if (order !== null) pullOrLift();
    arms.canary.settle();
    const { stable, canary } = arms;
    if (now.state.kind === 'handingOver' && stable.build() !== canary.build()) stable.release(canary.build());
    // Whoever is told that stable's new images stand in the way of a rollback takes them back.
    if (now.state.kind === 'rollingBack' && now.state.stuck?.kind === 'stableCarries') stable.release('v1');
    arms.stable.settle();
    showPods();
    const word = helpfulWord(now, oneOf);
    if (word !== null) await say(word);
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
    const last = current();
    const rows = await store.events(id, 0, 10_000);
    const share = mesh.shareOf(where);
    const violations = judgeRun({ seen, last, share, writes: mesh.writes(where), rows, logbook, turnsBad });
    const { turns, faults } = counts;
    return { seed, violations, trace: schedule.trace, rollout: last, turns, faults, isDeaf: isDeaf() };
  }

  return { step, observe, calmDown, result };
}
