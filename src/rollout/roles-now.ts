import { refusalFrom, type TargetRefusal } from './draft.ts';
import type { Mesh, MeshName, Resolution } from './ports/mesh.ts';
import type { Metrics } from './ports/metrics.ts';
import type { Rollouts } from './ports/store.ts';
import { isScheduled, newRollout, type Rollout } from './rollout.ts';
import { objectsOf, type Target } from './target.ts';
import type { Millis } from './units.ts';
import { usualPlanFor } from './usual-plan.ts';

/**
 * A target as a person asks about it. `route` is the name of an http route and `canary` the subset or the host of a
 * destination; null where there is no choice.
 */
export type TargetQuestion = MeshName & { route: string | null; canary: string | null };

/** A rollout of the usual plan that stands for the target; `live` is the rollout that its roles and weights are of. */
export type RolesNow = { kind: 'roles'; rollout: Rollout; live: string | null; now: Millis } | TargetRefusal;

export type RolesDeps = {
  /** The names of the clusters in the configuration. */
  clusters: readonly string[];
  mesh: Pick<Mesh, 'resolve'>;
  metrics: Pick<Metrics, 'scrapeSeconds'>;
  rollouts: Pick<Rollouts, 'namesakes' | 'now'>;
  deadline: (ms: number) => AbortSignal;
};

/** Milliseconds a person waits for the mesh at most. */
const meshMs = 3000;

/**
 * Which destination of a target is stable and which the canary. A live rollout has settled that, whatever the weights
 * are by now; without one the weights tell, which then have to be at rest.
 */
export async function rolesNow(deps: RolesDeps, question: TargetQuestion): Promise<RolesNow> {
  const { clusters, rollouts } = deps;
  const { cluster, namespace, virtualService } = question;
  if (!clusters.includes(cluster)) return { kind: 'clusterUnknown', asked: cluster, clusters };
  const now = await rollouts.now();
  const namesakes = await rollouts.namesakes({ cluster, namespace, virtualService });
  const live = namesakes.flatMap((one) => (isScheduled(one) ? [] : [one])).find((one) => isOf(one, question));
  if (live !== undefined) {
    const rollout = { ...live, plan: usualPlanFor(live.target) };
    return { kind: 'roles', rollout, live: live.id, now };
  }
  const resolution = await resolve(deps, question);
  if (resolution.kind !== 'resolved') return refusalFrom(resolution);
  const rollout = standIn(resolution.target, deps.metrics.scrapeSeconds(cluster), now);
  return { kind: 'roles', rollout, live: null, now };
}

/** False for a rollout of another route of the VirtualService, or to another canary than was asked about. */
function isOf({ target }: Rollout, { namespace, virtualService, route, canary }: TargetQuestion): boolean {
  const object = objectsOf(target).find(
    (one) => one.namespace === namespace && one.virtualService === virtualService,
  );
  const names = (object?.routes ?? []).map(({ key }) => (key.kind === 'http' ? key.name : null));
  const isItsRoute = route === null || names.includes(route);
  const { subset, host, service } = target.canary;
  return isItsRoute && (canary === null || [subset, host, service.name].includes(canary));
}

/** A name is that of a subset, or else that of a host; whoever asks does not have to say which. */
async function resolve(deps: RolesDeps, question: TargetQuestion): Promise<Resolution> {
  const { cluster, namespace, virtualService, route, canary } = question;
  const request = { cluster, namespace, virtualService, ...(route === null ? {} : { route }) };
  const read = (selected: { canary?: { subset: string } | { host: string } }) =>
    deps.mesh.resolve({ ...request, ...selected }, deps.deadline(meshMs));
  if (canary === null) return read({});
  const bySubset = await read({ canary: { subset: canary } });
  if (!isNoDestination(bySubset)) return bySubset;
  const byHost = await read({ canary: { host: canary } });
  return isNoDestination(byHost) ? bySubset : byHost;
}

function isNoDestination(resolution: Resolution): boolean {
  return resolution.kind === 'shape' && resolution.fault.code === 'destination-not-in-route';
}

/** It is judged and forgotten: nothing writes it down. */
function standIn(target: Target, scrapeSeconds: number, now: Millis): Rollout {
  const requestedBy = { kind: 'canaryd' as const, name: 'canaryd' };
  const asked = { id: '', target, plan: usualPlanFor(target), requestedBy, reason: null };
  return newRollout(asked, scrapeSeconds, now);
}
