import { managedInWords } from '../rollout/managed.ts';
import { managedName } from '../rollout/managed-route.ts';
import { hasEnded, isScheduled, type Rollout, type StoredRollout } from '../rollout/rollout.ts';
import type { ScheduledRollout } from '../rollout/scheduled.ts';
import { objectsOf, type RoutesAsked, routeLabel } from '../rollout/target.ts';
import type { Millis } from '../rollout/units.ts';
import { renderApproval } from './approval-wire.ts';
import type { RolloutOnWire } from './wire.ts';
import { timestamp } from './wire-parts.ts';

type Roles = Pick<
  RolloutOnWire,
  'target' | 'versions' | 'weight' | 'startAt' | 'deadlineAt' | 'managedRoutes' | 'approvals' | 'rollbackOf'
>;

/** What a rollout has once its turn has come, and what stands in its place before. */
export function renderRoles(rollout: StoredRollout): Roles {
  const base = {
    target: renderTarget(rollout),
    versions: renderVersions(rollout),
    weight: renderWeight(rollout),
  };
  if (isScheduled(rollout)) {
    const startAt = instant(rollout.startAt);
    return { ...base, startAt, deadlineAt: null, managedRoutes: [], approvals: [], rollbackOf: null };
  }
  return {
    ...base,
    startAt: instant(rollout.schedule?.startAt ?? null),
    deadlineAt: timestamp(rollout.deadlineAt),
    managedRoutes: renderManagedRoutes(rollout),
    approvals: rollout.approvals.map((approval) => renderApproval(rollout.id, approval)),
    rollbackOf: rollout.rollbackOf,
  };
}

/** The managed routes that were read back; one that nobody asked for is told of, too. */
function renderManagedRoutes({ traffic: { managed }, target }: Rollout): RolloutOnWire['managedRoutes'] {
  return managed.applied.map((name) => {
    const route = managed.desired.find((one) => one.name === name);
    const canary = target.canary.version;
    const does = route === undefined ? 'is none of this rollout' : managedInWords(route, canary);
    const isChanged = managed.changed?.includes(name) ?? false;
    return {
      name: managedName({ name }),
      kind: route?.kind ?? 'header',
      does: isChanged ? 'is not as canaryd wrote it' : does,
    };
  });
}

/** A target as callers see it; the one route without a name has none. */
export function renderTarget(rollout: StoredRollout): RolloutOnWire['target'] {
  return isScheduled(rollout) ? named(rollout) : resolved(rollout);
}

function resolved({ target }: Rollout): RolloutOnWire['target'] {
  const { cluster, route, stable, canary } = target;
  const [first, ...also] = objectsOf(target).map(({ namespace, virtualService, routes }) => ({
    namespace,
    virtualService,
    routes: routes.map(({ key }) => routeLabel(key)),
  }));
  const { namespace, virtualService, routes = [] } = first ?? { ...target, routes: [] };
  const named = route === '' ? null : route;
  return { cluster, namespace, virtualService, route: named, routes, also, stable, canary };
}

function named({ target }: ScheduledRollout): RolloutOnWire['target'] {
  const { cluster, namespace, virtualService, also = [] } = target;
  const routes = namedRoutes(target);
  const others = also.map((one) => ({
    namespace: one.namespace ?? namespace,
    virtualService: one.virtualService,
    routes: namedRoutes(one),
  }));
  const route = routes[0] ?? null;
  return { cluster, namespace, virtualService, route, routes, also: others, stable: null, canary: null };
}

function namedRoutes({ route, routes = [], tls = [], tcp = [] }: RoutesAsked): string[] {
  return [
    ...(route === undefined ? routes : [route]),
    ...tls.map(({ port = null, sniHosts = [] }) => routeLabel({ kind: 'tls', port, sniHosts })),
    ...tcp.map(({ port }) => routeLabel({ kind: 'tcp', port })),
  ];
}

/** Which version is taken to which; null until the roles are given. */
export function renderVersions(rollout: StoredRollout): RolloutOnWire['versions'] {
  if (isScheduled(rollout)) return null;
  const { stable, canary } = rollout.target;
  return { stable: stable.version, canary: canary.version };
}

/** The three weights: asked for, read back, and what the requests show, rounded to 0.1; null until its turn comes. */
export function renderWeight(rollout: StoredRollout): RolloutOnWire['weight'] {
  if (isScheduled(rollout)) return null;
  const { traffic, watch } = rollout;
  // What was seen last says nothing about a rollout that has ended.
  const seen = hasEnded(rollout) ? null : watch.observed;
  const observed = seen === null ? null : Math.round(seen * 10) / 10;
  return { desired: traffic.desired, applied: traffic.applied, observed };
}

function instant(at: Millis | null): string | null {
  return at === null ? null : timestamp(at);
}
