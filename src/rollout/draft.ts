import { templateFaults } from './check-template.ts';
import { type ClusterUnknown, locate } from './locate.ts';
import type { StoredPlan, WrittenPlan } from './plan.ts';
import type { PlanFault } from './plan-fault.ts';
import { blindWindows, planFaults } from './plan-faults.ts';
import { misfits } from './plan-fits.ts';
import type { AlertRules } from './ports/alert-rules.ts';
import type { Mesh, MeshFailure, Resolution, ShapeFault } from './ports/mesh.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Rollouts } from './ports/store.ts';
import type { Actor } from './reasons.ts';
import { newRollout, type Rollout } from './rollout.ts';
import { routesIn } from './route-steps.ts';
import { namesRules, withRules } from './rule-checks.ts';
import { newScheduled, type Obstacle, type OnConflict, type ScheduledRollout } from './scheduled.ts';
import { inFrontOf } from './start-scheduled.ts';
import type { LocatedRequest, Target, TargetRequest } from './target.ts';
import type { Millis } from './units.ts';

export type CreateRequest = {
  target: TargetRequest;
  plan: WrittenPlan;
  /** Which version of a plan that is kept this is; null or left out when it came with the request. */
  planVersion?: number | null;
  reason: string | null;
  /** When it is to begin; null or left out for now. */
  startAt?: Millis | null;
  /** `reject` when it is left out. */
  onConflict?: OnConflict;
};

/** Why a target cannot be rolled out to; nothing was written. */
export type TargetRefusal =
  | ClusterUnknown
  /** `name`: which of several, as `namespace/name`. */
  | { kind: 'targetMissing'; name?: string }
  | { kind: 'targetShape'; fault: ShapeFault }
  | { kind: 'meshUnavailable'; failure: MeshFailure };

/** Why a sound plan cannot be followed by this canaryd; nothing was written. */
export type PlanUnfit = { kind: 'planUnfit'; faults: PlanFault[] };

/** A time that no rollout may be scheduled for; `now` is PostgreSQL's clock. */
export type StartAtOutside = { kind: 'startAtOutside'; startAt: Millis; now: Millis };

export type Drafted =
  /** `front` is the rollout that it comes after; null when it is first. */
  | { kind: 'drafted'; rollout: Rollout; request: LocatedRequest; front: string | null; now: Millis }
  /** `target` has the roles as they would be given now; null while the weights are not at rest. */
  | {
      kind: 'scheduled';
      rollout: ScheduledRollout;
      request: LocatedRequest;
      target: Target | null;
      now: Millis;
    }
  | { kind: 'taken'; by: string }
  | StartAtOutside
  | PlanUnfit
  | TargetRefusal;

export type DraftDeps = {
  /** The names of the clusters in the configuration. */
  clusters: readonly string[];
  mesh: Mesh;
  metrics: Metrics;
  /** Where plans find the alert rules that they name; those of nobody when it is left out. */
  alertRules?: AlertRules;
  rollouts: Rollouts;
  newId: () => string;
  deadline: (ms: number) => AbortSignal;
};

/** Milliseconds a person waits for the mesh at most. */
const meshMs = 3000;
/** Clocks of clients may be behind PostgreSQL's by so much. */
const latestPastMs = 60_000;
/** A plan that is checked today says little about a release much later. */
export const furthestDays = 30;

/** A rollout as it would be written down, or why there is none. Reads the mesh, writes nothing. */
export async function draft(deps: DraftDeps, request: CreateRequest, actor: Actor): Promise<Drafted> {
  const { mesh, metrics, rollouts, deadline } = deps;
  const place = locate(request.target, deps.clusters);
  if (place.kind !== 'located') return place;
  const scrapeSeconds = metrics.scrapeSeconds(place.request.cluster);
  const followed = await follow(deps, request.plan, place.request.cluster);
  if (followed.kind === 'refused') return { kind: 'planUnfit', faults: followed.faults };
  const { plan } = followed;
  const faults = [
    ...blindWindows(plan, scrapeSeconds),
    ...templateFaults(plan.checks, metrics.checkTemplates),
  ];
  if (faults.length > 0) return { kind: 'planUnfit', faults };
  const now = await rollouts.now();
  const { startAt = null } = request;
  if (startAt !== null && isOutside(startAt, now)) return { kind: 'startAtOutside', startAt, now };
  const resolution = await mesh.resolve(place.request, deadline(meshMs), routesIn(plan.steps));
  const { planVersion = null, reason } = request;
  const asked = { id: deps.newId(), plan, planVersion, requestedBy: actor, reason };
  return settle(
    request,
    { asked, resolution, scrapeSeconds },
    {
      located: place.request,
      namesakes: await rollouts.namesakes(place.request),
      now,
    },
  );
}

type Followed = { kind: 'taken'; plan: StoredPlan } | { kind: 'refused'; faults: PlanFault[] };

/** The plan with what its alert rules say now: it stays so, whatever becomes of the rules. */
async function follow(
  { alertRules, deadline }: DraftDeps,
  plan: WrittenPlan,
  cluster: string,
): Promise<Followed> {
  const nobodys = { kind: 'unread', why: 'this canaryd reads no alert rules' } as const;
  const isAsked = namesRules(plan) && alertRules !== undefined;
  const read = isAsked ? await alertRules.rules(cluster, deadline(meshMs)) : nobodys;
  const answer = withRules(plan, read);
  if (answer.kind === 'refused') return answer;
  const followed = { ...plan, checks: answer.checks };
  const faults = namesRules(plan) ? planFaults(followed) : [];
  return faults.length > 0 ? { kind: 'refused', faults } : { kind: 'taken', plan: followed };
}

function isOutside(startAt: Millis, now: Millis): boolean {
  return startAt < now - latestPastMs || startAt > now + furthestDays * 86_400_000;
}

type Sketch = {
  asked: Pick<ScheduledRollout, 'id' | 'planVersion' | 'requestedBy' | 'reason'> & { plan: StoredPlan };
  resolution: Resolution;
  scrapeSeconds: number;
};
type Scene = {
  located: LocatedRequest;
  namesakes: Awaited<ReturnType<Rollouts['namesakes']>>;
  now: Millis;
};

function settle(request: CreateRequest, sketch: Sketch, scene: Scene): Drafted {
  const { startAt = null, onConflict = 'reject' } = request;
  const { asked, resolution } = sketch;
  const faults = resolution.kind === 'resolved' ? misfits(asked.plan, resolution.target) : [];
  if (faults.length > 0) return { kind: 'planUnfit', faults };
  const front = inFrontOf({ id: sketch.asked.id, onConflict }, scene.namesakes, scene.now);
  if (startAt !== null) return forLater(sketch, scene, { startAt, onConflict }, null);
  if (front === null || onConflict === 'reject') return forNow(sketch, scene, front);
  return forLater(sketch, scene, { startAt, onConflict }, { kind: 'behind', rollout: front });
}

function forNow(
  { asked, resolution, scrapeSeconds }: Sketch,
  { located, now }: Scene,
  front: string | null,
): Drafted {
  // Weights in mid-air are most likely those of a rollout that is under way: say so, and not that they need mending.
  if (resolution.kind === 'shape' && front !== null) return { kind: 'taken', by: front };
  if (resolution.kind !== 'resolved') return refusalFrom(resolution);
  const rollout = newRollout({ ...asked, target: resolution.target }, scrapeSeconds, now);
  return { kind: 'drafted', rollout, request: located, front, now };
}

/** A name that is wrong is told of now; weights in mid-air may be at rest by then. */
function forLater(
  { asked, resolution }: Sketch,
  { located, now }: Scene,
  when: Pick<ScheduledRollout, 'startAt' | 'onConflict'>,
  obstacle: Obstacle | null,
): Drafted {
  if (resolution.kind !== 'resolved' && !isInMidAir(resolution)) return refusalFrom(resolution);
  const rollout = newScheduled({ ...asked, ...when, target: located }, obstacle, now);
  const target = resolution.kind === 'resolved' ? resolution.target : null;
  return { kind: 'scheduled', rollout, request: located, target, now };
}

function isInMidAir(resolution: Resolution): boolean {
  return resolution.kind === 'shape' && resolution.fault.code === 'split-not-at-rest';
}

/** Why a target that could not be read cannot be rolled out to. */
export function refusalFrom(resolution: Exclude<Resolution, { kind: 'resolved' }>): TargetRefusal {
  switch (resolution.kind) {
    case 'missing':
      return { ...(resolution.name !== undefined && { name: resolution.name }), kind: 'targetMissing' };
    case 'shape':
      return { kind: 'targetShape', fault: resolution.fault };
    case 'unavailable':
      return { kind: 'meshUnavailable', failure: resolution };
  }
}
