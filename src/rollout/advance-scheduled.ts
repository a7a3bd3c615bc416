import type { Alarm } from './ports/alarm.ts';
import type { Mesh } from './ports/mesh.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Claim, Store } from './ports/store.ts';
import { routesIn } from './route-steps.ts';
import type { ScheduledRollout } from './scheduled.ts';
import {
  decideScheduled,
  type Found,
  overtaken,
  type ScheduledDecision,
  wantsTarget,
} from './start-scheduled.ts';

/** Milliseconds after which the reading of the mesh ends. */
const lookMs = 3000;

type ScheduledDeps = {
  store: Pick<Store, 'namesakes' | 'save'>;
  mesh: Pick<Mesh, 'resolve'>;
  metrics: Pick<Metrics, 'scrapeSeconds'>;
  alarm: Alarm;
  deadline: (ms: number) => AbortSignal;
};

/**
 * The turn of a rollout that has not begun: see who is in front and what the target is now, and write down what that
 * means. It writes nothing to the mesh, so a turn that stops anywhere is simply repeated. Throws only when the
 * database cannot be reached.
 */
export async function advanceScheduled(
  deps: ScheduledDeps,
  { rollout, epoch, order, now }: Claim<ScheduledRollout>,
): Promise<'fenced' | 'done'> {
  const namesakes = await deps.store.namesakes(rollout.target);
  const found = wantsTarget(rollout, { order, namesakes }, now) ? await find(deps, rollout) : null;
  const end = await save(deps, epoch, decideScheduled(rollout, { order, namesakes, found }, now));
  if (end.kind !== 'taken') return end.kind;
  const second = await save(deps, epoch, overtaken(rollout, end.by, now));
  // What only waits takes nothing from anybody.
  return second.kind === 'done' ? 'done' : 'fenced';
}

async function find(
  { mesh, metrics, deadline }: ScheduledDeps,
  { target, plan }: ScheduledRollout,
): Promise<Found> {
  const resolution = await mesh.resolve(target, deadline(lookMs), routesIn(plan.steps));
  if (resolution.kind !== 'resolved') return resolution;
  return {
    kind: 'resolved',
    target: resolution.target,
    scrapeSeconds: metrics.scrapeSeconds(target.cluster),
  };
}

async function save(
  { store, alarm }: ScheduledDeps,
  epoch: number,
  { rollout, events, nextAt }: ScheduledDecision,
): Promise<{ kind: 'done' | 'fenced' } | { kind: 'taken'; by: string }> {
  const change = { rollout, events, nextAt, measurements: null, release: true };
  const saved = await store.save(rollout.id, epoch, change);
  if (saved.kind !== 'saved') return saved;
  if (nextAt !== null) await alarm.ring(rollout.id, nextAt, saved.now);
  return { kind: 'done' };
}
