import type { AuditRow } from './audit.ts';
import type { Command, Refusal } from './command.ts';
import { event } from './decision.ts';
import { type ClusterUnknown, locate } from './locate.ts';
import { obey } from './obey.ts';
import type { Plan } from './plan.ts';
import { blindWindows, type PlanFault } from './plan-faults.ts';
import type { LiveReads } from './ports/live.ts';
import type { Mesh, MeshFailure, Resolution, ShapeFault, WeightChange } from './ports/mesh.ts';
import type { Metrics } from './ports/metrics.ts';
import type { AuditQuery, Remembered, RolloutQuery, Rollouts } from './ports/store.ts';
import type { Actor } from './reasons.ts';
import { liveStatuses, newRollout, type Rollout } from './rollout.ts';
import type { LocatedRequest, Target, TargetRequest } from './target.ts';
import { type PlannedStep, timelineOf, writesOf } from './timeline.ts';
import type { Millis } from './units.ts';

export type CreateRequest = {
  target: TargetRequest;
  plan: Plan;
  /** Which version of a plan that is kept this is; null or left out when it came with the request. */
  planVersion?: number | null;
  reason: string | null;
};

/** Why a target cannot be rolled out to; nothing was written. */
export type TargetRefusal =
  | ClusterUnknown
  | { kind: 'targetMissing' }
  | { kind: 'targetShape'; fault: ShapeFault }
  | { kind: 'meshUnavailable'; failure: MeshFailure };

/** Why a sound plan cannot be followed by this canaryd; nothing was written. */
type PlanUnfit = { kind: 'planUnfit'; faults: PlanFault[] };

export type CreateAnswer =
  | { kind: 'created'; rollout: Rollout; now: Millis }
  | { kind: 'taken'; by: string }
  | { kind: 'answeredBefore' }
  | PlanUnfit
  | TargetRefusal;

type PreviewStep = PlannedStep & { changes: WeightChange[] };
export type Preview =
  | { kind: 'preview'; rollout: Rollout; steps: PreviewStep[]; seconds: number }
  | PlanUnfit
  | TargetRefusal
  | { kind: 'taken'; by: string };

export type ActAnswer =
  | { kind: 'accepted'; rollout: Rollout; now: Millis }
  | { kind: 'refused'; refusal: Refusal; rollout: Rollout; now: Millis }
  | { kind: 'unknown' }
  | { kind: 'answeredBefore' };

/** Renders the answer that a repeated Idempotency-Key gets, inside the transaction that it belongs to. */
export type Remember = (rollout: Rollout, now: Millis) => Remembered;

export type ServiceDeps = {
  /** The names of the clusters in the configuration. */
  clusters: readonly string[];
  mesh: Mesh;
  metrics: Metrics;
  rollouts: Rollouts;
  newId: () => string;
  deadline: (ms: number) => AbortSignal;
};

/** What faces may ask of canaryd. */
export interface RolloutService {
  create(request: CreateRequest, actor: Actor, remember: Remember | null): Promise<CreateAnswer>;
  preview(request: CreateRequest, actor: Actor): Promise<Preview>;
  act(id: string, command: Command, actor: Actor, remember: Remember | null): Promise<ActAnswer>;
  /** `nextAt` is when the next turn is due; `now` is PostgreSQL's clock. */
  find(id: string): Promise<{ rollout: Rollout; nextAt: Millis | null; now: Millis } | null>;
  list(query: RolloutQuery): Promise<{ rollouts: Rollout[]; now: Millis }>;
  events(id: string, afterSeq: number, limit: number): Promise<AuditRow[]>;
  audit(query: AuditQuery): Promise<AuditRow[]>;
  recall(
    key: Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>,
  ): Promise<Pick<Remembered, 'fingerprint' | 'status' | 'body'> | null>;
  /** For those who watch. */
  readonly live: LiveReads;
}

/** Milliseconds a person waits for the mesh at most. */
const meshMs = 3000;

/** Wires the service; every answer is a value, and only a lost database throws. */
export function rolloutService(deps: ServiceDeps): RolloutService {
  const { rollouts } = deps;
  return {
    create: (request, actor, remember) => create(deps, request, actor, remember),
    preview: (request, actor) => preview(deps, request, actor),
    act: (id, command, actor, remember) => act(rollouts, { id, command, actor, remember }),
    find: (id) => rollouts.find(id),
    list: async (query) => ({ rollouts: await rollouts.list(query), now: await rollouts.now() }),
    events: (id, afterSeq, limit) => rollouts.events(id, afterSeq, limit),
    audit: (query) => rollouts.audit(query),
    recall: (key) => rollouts.recall(key),
    live: rollouts.live,
  };
}

async function create(
  deps: ServiceDeps,
  request: CreateRequest,
  actor: Actor,
  remember: Remember | null,
): Promise<CreateAnswer> {
  const drafted = await draft(deps, request, actor);
  if (drafted.kind !== 'drafted') return drafted;
  const { rollout, now } = drafted;
  const message = `rollout of ${rollout.target.stable.version} to ${rollout.target.canary.version} asked for by ${actor.name}`;
  const scheduled = event(
    'rollout.scheduled',
    message,
    { plan: rollout.plan.name, planVersion: rollout.planVersion, reason: rollout.reason },
    actor,
  );
  const created = await deps.rollouts.create(rollout, [scheduled], remember?.(rollout, now) ?? null);
  return created.kind === 'created' ? { kind: 'created', rollout, now } : created;
}

async function preview(deps: ServiceDeps, request: CreateRequest, actor: Actor): Promise<Preview> {
  const drafted = await draft(deps, request, actor);
  if (drafted.kind !== 'drafted') return drafted;
  const { rollout, request: located } = drafted;
  const timeline = timelineOf(rollout.plan);
  const live = await liveOn(deps.rollouts, rollout.target);
  if (live !== null) return { kind: 'taken', by: live };
  const writes = timeline.steps.flatMap((step) => writesOf(rollout.plan, step));
  const answer = await deps.mesh.preview(located, writes, deps.deadline(meshMs));
  if (answer.kind !== 'preview') return refusalFrom(answer);
  const changesIn = (step: number) =>
    answer.changes.filter((_changes, index) => writes[index]?.step === step);
  const steps = timeline.steps.map((step) => ({ ...step, changes: changesIn(step.step).flat() }));
  return { kind: 'preview', rollout, steps, seconds: timeline.seconds };
}

/** The id of the live rollout that holds a VirtualService, or null. */
async function liveOn(
  rollouts: Rollouts,
  { cluster, namespace, virtualService }: Pick<Target, 'cluster' | 'namespace' | 'virtualService'>,
): Promise<string | null> {
  const namesakes = await rollouts.list({ namespace, virtualService, statuses: liveStatuses, limit: 200 });
  return namesakes.find((rollout) => rollout.target.cluster === cluster)?.id ?? null;
}

type Drafted =
  | { kind: 'drafted'; rollout: Rollout; request: LocatedRequest; now: Millis }
  | { kind: 'taken'; by: string }
  | PlanUnfit
  | TargetRefusal;

async function draft(
  { clusters, mesh, metrics, rollouts, newId, deadline }: ServiceDeps,
  { target, plan, planVersion = null, reason }: CreateRequest,
  actor: Actor,
): Promise<Drafted> {
  const place = locate(target, clusters);
  if (place.kind !== 'located') return place;
  const wanted = place.request;
  const scrapeSeconds = metrics.scrapeSeconds(wanted.cluster);
  const faults = blindWindows(plan, scrapeSeconds);
  if (faults.length > 0) return { kind: 'planUnfit', faults };
  const resolution = await mesh.resolve(wanted, deadline(meshMs));
  if (resolution.kind === 'shape') {
    // Weights in mid-air are most likely those of a rollout that is under way: say so, and not that they need mending.
    const live = await liveOn(rollouts, wanted);
    if (live !== null) return { kind: 'taken', by: live };
  }
  if (resolution.kind !== 'resolved') return refusalFrom(resolution);
  const now = await rollouts.now();
  const rollout = newRollout(
    { id: newId(), target: resolution.target, plan, planVersion, requestedBy: actor, reason },
    scrapeSeconds,
    now,
  );
  return { kind: 'drafted', rollout, request: wanted, now };
}

function refusalFrom(resolution: Exclude<Resolution, { kind: 'resolved' }>): TargetRefusal {
  switch (resolution.kind) {
    case 'missing':
      return { kind: 'targetMissing' };
    case 'shape':
      return { kind: 'targetShape', fault: resolution.fault };
    case 'unavailable':
      return { kind: 'meshUnavailable', failure: resolution };
  }
}

type Act = { id: string; command: Command; actor: Actor; remember: Remember | null };

async function act(rollouts: Rollouts, { id, command, actor, remember }: Act): Promise<ActAnswer> {
  const answered = await rollouts.command<ActAnswer>(id, (rollout, now) => {
    const obedience = obey(rollout, command, actor, now);
    if (obedience.kind === 'refused') {
      return {
        change: null,
        answer: { kind: 'refused', refusal: obedience.refusal, rollout, now },
        remember: null,
      };
    }
    if (obedience.kind === 'obeyedBefore')
      return { change: null, answer: { kind: 'accepted', rollout, now }, remember: null };
    const { decision } = obedience;
    return {
      change: { rollout: decision.rollout, events: decision.events, nextAt: decision.nextAt },
      answer: { kind: 'accepted', rollout: decision.rollout, now },
      remember: remember?.(decision.rollout, now) ?? null,
    };
  });
  return answered.kind === 'answered' ? answered.answer : answered;
}
