import type { Measurements } from '../../src/analysis/reading.ts';
import type { AuditEvent } from '../../src/rollout/audit.ts';
import type { Command } from '../../src/rollout/command.ts';
import { decide, wantsMeasurements } from '../../src/rollout/decide.ts';
import type { PlannedWrite } from '../../src/rollout/decision.ts';
import { asksNothing, incrementSeconds, nothingAsked } from '../../src/rollout/evidence.ts';
import { judgedTarget } from '../../src/rollout/judged-target.ts';
import { judgeAsks } from '../../src/rollout/judging.ts';
import { isMirroring } from '../../src/rollout/managed.ts';
import type { Obedience } from '../../src/rollout/obedience.ts';
import { obey } from '../../src/rollout/obey.ts';
import type { Heard } from '../../src/rollout/ports/alerts.ts';
import type { MeshView, Readiness, SplitView, WriteOutcome } from '../../src/rollout/ports/mesh.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import type { Actor } from '../../src/rollout/reasons.ts';
import { hasEnded, newRollout, type Rollout, statusOf } from '../../src/rollout/rollout.ts';
import { settle } from '../../src/rollout/settle.ts';
import type { ArmTraffic } from '../fakes/arm-traffic.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { bankPlan, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';
import { countingTraffic } from './counting.ts';

export const alice: Actor = { kind: 'person', name: 'alice' };
/** Somebody who did not ask for the rollout. */
export const bob: Actor = { kind: 'person', name: 'bob' };
export const ready: Readiness = { kind: 'known', ready: 3, total: 3 };
export const noneReady: Readiness = { kind: 'known', ready: 0, total: 3 };

export type TurnOptions = {
  view?: MeshView | Omit<Partial<SplitView>, 'kind'>;
  write?: WriteOutcome | 'applied' | 'lost';
};

/**
 * One rollout driven through the pure core by hand: a mesh that is one number, metrics in settable moods, and a
 * clock that moves only when told. What a promise in a test needs, and nothing of the shell.
 */
export function drive(overrides: Partial<Rollout> = {}) {
  const metrics = fakeMetrics();
  const counting = countingTraffic();
  const mind: { canary: ArmTraffic; stable: ArmTraffic } = { canary: mood.healthy, stable: mood.healthy };
  const fresh = newRollout(
    { id: rolloutId(1), target: paymentTarget, plan: bankPlan, requestedBy: alice, reason: null },
    1,
    start,
  );
  const world = {
    rollout: { ...fresh, ...overrides },
    share: 0,
    /** The canary's share of requests where it is not that of the weights. */
    observed: null as number | null,
    /** Managed routes that stand in the mesh, by name. */
    managedRoutes: [] as string[],
    /** Those of them that somebody else has edited. */
    changedRoutes: [] as string[],
    /** Whose write stands in the mesh, as its annotations say. */
    owner: null as SplitView['owner'],
    /** Whom somebody took back with nothing but a kubeconfig. */
    rolledBack: null as SplitView['rolledBack'],
    /** Every turn has its own, one above the last. */
    epoch: 0,
    now: start,
    nextAt: start,
    /** A hold order that stands. */
    order: null as HoldOrder | null,
    /** What a poll hears of alerts. */
    heard: null as Heard | null,
    writes: [] as PlannedWrite[],
    events: [] as AuditEvent[],
  };
  metrics.divideBy(() => world.observed ?? world.share);
  const pods = { stable: ready, canary: ready };
  const images: SplitView['images'] = { stable: imagesOf('v1'), canary: imagesOf('v2') };

  function split(over: Omit<Partial<SplitView>, 'kind'> = {}): SplitView {
    const { target } = world.rollout;
    return {
      kind: 'split',
      uid: target.uid,
      snapshot: null,
      canaryShare: world.share,
      hasStable: true,
      foreign: null,
      stableHasOtherRoutes: false,
      canaryHasOtherRoutes: false,
      managedRoutes: [...world.managedRoutes],
      changedRoutes: [...world.changedRoutes],
      owner: world.owner,
      movedBy: null,
      signedBy: null,
      gitOps: null,
      rolledBack: world.rolledBack,
      readiness: { ...pods },
      images: { ...images },
      ...over,
    };
  }

  function viewOf(wanted: TurnOptions['view'] = {}): MeshView {
    return 'kind' in wanted ? wanted : split(wanted);
  }

  function accept(decision: { rollout: Rollout; events: AuditEvent[]; nextAt: number | null }): void {
    world.rollout = decision.rollout;
    world.events.push(...decision.events);
    world.nextAt = decision.nextAt ?? world.nextAt;
  }

  function land(
    { share, end, managed }: PlannedWrite,
    write: NonNullable<TurnOptions['write']>,
  ): WriteOutcome {
    if (write !== 'applied' && write !== 'lost') return write;
    world.share = share;
    const routes = end ? [] : managed;
    if (routes !== undefined) {
      world.managedRoutes = routes.map(({ name }) => name);
      world.changedRoutes = [];
    }
    world.owner = { rolloutId: world.rollout.id, epoch: world.epoch };
    world.rolledBack = null;
    return write === 'applied'
      ? { kind: 'applied', canaryShare: share }
      : { kind: 'ambiguous', why: 'reset' };
  }

  function measure(): Promise<Measurements> {
    const { plan } = world.rollout;
    const target = judgedTarget(world.rollout);
    if (asksNothing(world.rollout)) return Promise.resolve(nothingAsked(world.now));
    const counted = incrementSeconds(world.rollout, world.now);
    const request = {
      target,
      checks: plan.checks,
      at: world.now,
      incrementSeconds: counted,
      mirrored: isMirroring(world.rollout),
      ...judgeAsks(world.rollout),
    };
    // A canary without traffic has no requests, whatever its mood; after a handover it is stable that is judged.
    const isHandedOver = target !== world.rollout.target;
    const isServing = world.share > 0 || world.managedRoutes.length > 0;
    const canary = isServing ? mind.canary : mood.none;
    metrics.set('canary', isHandedOver ? mind.stable : canary);
    metrics.set('stable', isHandedOver ? canary : mind.stable);
    return metrics
      .measure(request, new AbortController().signal)
      .then((found) =>
        request.judged === undefined ? found : { ...found, ...counting.measured(request.judged) },
      );
  }

  async function turn({ view: wanted, write = 'applied' }: TurnOptions = {}): Promise<void> {
    world.epoch += 1;
    counting.pass(world.now, world.share);
    const view = viewOf(wanted);
    const measurements = wantsMeasurements(world.rollout, world.now) ? await measure() : null;
    const decision = decide(
      world.rollout,
      {
        view,
        measurements,
        alerts: measurements && world.heard,
        epoch: world.epoch,
        order: world.order,
      },
      world.now,
    );
    world.epoch = decision.raiseTo ?? world.epoch;
    accept(decision);
    if (decision.write === null || view.kind !== 'split') return;
    world.writes.push(decision.write);
    const outcome = land(decision.write, write);
    accept(settle(world.rollout, decision.write, outcome, world.now));
  }

  /** Runs turns when they are due until `seconds` have passed or the rollout has ended. */
  async function run(seconds: number, options: TurnOptions = {}): Promise<void> {
    const until = world.now + seconds * 1000;
    while (world.nextAt <= until && !hasEnded(world.rollout)) {
      world.now = Math.max(world.now + 1, world.nextAt);
      await turn(options);
    }
    world.now = Math.max(world.now, until);
  }

  function say(command: Command, actor: Actor = alice): Obedience {
    const obedience = obey(world.rollout, command, actor, world.now);
    if (obedience.kind === 'obeyed') accept(obedience.decision);
    return obedience;
  }

  return {
    world,
    metrics,
    /** What the sequential judge sees. */
    flow: counting.flow,
    pods,
    images,
    /** What a turn would see now. */
    look: () => split(),
    turn,
    run,
    say,
    canary: (traffic: ArmTraffic) => {
      mind.canary = traffic;
    },
    stable: (traffic: ArmTraffic) => {
      mind.stable = traffic;
    },
    status: () => statusOf(world.rollout),
    types: () => world.events.map((event) => event.type),
    lastMessage: () => world.events.at(-1)?.message ?? '',
  };
}

/** A drive at 5 %, in its first bake, everything healthy. */
export async function baking(overrides: Partial<Rollout> = {}) {
  const driven = drive(overrides);
  await driven.turn();
  return driven;
}

export { mood, start };
