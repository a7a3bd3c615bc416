import { defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { bounded, info, refTo, skip, warn } from '../judgement.ts';
import type { HttpRoute } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Arm, Subject } from '../snapshot.ts';
import { routeStatus } from './http-route-status.ts';

type Parent = NonNullable<HttpRoute['spec']['parentRefs']>[number];
type Backend = NonNullable<NonNullable<HttpRoute['spec']['rules']>[number]['backendRefs']>[number];

/** How a route concerns the target: it stands before its Services in the mesh, or sends to them or to its hosts. */
type Concern = { route: HttpRoute; how: 'parent' | 'backend'; what: string[] };

/**
 * A route of the Gateway API has weights of its own. Its parent is a Service where it holds for callers in the mesh; to
 * Istio a backend may be a Hostname, too.
 * Sources: https://gateway-api.sigs.k8s.io/mesh/, https://gateway-api.sigs.k8s.io/api-types/httproute/ and
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/ (Gateway API)
 */
export const noHttpRoutes = defineCheck({
  id: 'PF-GW-01',
  title: 'No HTTPRoute of the Gateway API sends requests past the weights',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['KIA1401', 'KIA1402'],
  again: false,
  severity: 'warn',
  needs: ['httpRoutes'],
  judge: ({ httpRoutes }, subject) => {
    const concerns = httpRoutes.toSorted(byName).flatMap((route) => concernOf(route, subject));
    if (concerns.length === 0) return [skip('no HTTPRoute of the Gateway API concerns the service')];
    return bounded(concerns.map((concern) => past(concern, subject)));
  },
});

function byName(one: HttpRoute, other: HttpRoute): number {
  return nameOf(one.metadata) < nameOf(other.metadata) ? -1 : 1;
}

/** What it stands before outweighs what it sends to: such a route does both. */
function concernOf(route: HttpRoute, { stable, canary }: Subject): Concern[] {
  const arms = [stable, canary];
  const ours = new Set(arms.map(({ service }) => nameOf(service)));
  const named = (namespace: string | null | undefined, name: string) =>
    nameOf({ namespace: namespace ?? route.metadata.namespace, name });
  const parents = (route.spec.parentRefs ?? [])
    .filter(isService)
    .map((one) => named(one.namespace, one.name));
  const backends = (route.spec.rules ?? [])
    .flatMap(({ backendRefs }) => backendRefs ?? [])
    .filter(({ weight }) => weight !== 0);
  const behind = backends.filter(isServiceBackend).map((one) => named(one.namespace, one.name));
  const hosts = backends
    .filter(isHostname)
    .flatMap(({ name }) => arms.filter((arm) => isHostOf(arm, name, route)).map(({ host }) => host));
  const among = (names: readonly string[]) =>
    called(
      'Service',
      [...new Set(names)].filter((one) => ours.has(one)),
    );
  const before = among(parents);
  if (before.length > 0) return [{ route, how: 'parent', what: before }];
  const after = [...among(behind), ...called('Hostname', [...new Set(hosts)])];
  return after.length > 0 ? [{ route, how: 'backend', what: after }] : [];
}

/** Without a group a parent is one of the Gateway API, and a backend one of Kubernetes itself. */
function isService({ group, kind }: Parent): boolean {
  return group === '' && kind === 'Service';
}

function isServiceBackend({ group, kind }: Backend): boolean {
  return (group ?? '') === '' && (kind ?? 'Service') === 'Service';
}

function isHostname({ group, kind }: Backend): boolean {
  return group === 'networking.istio.io' && kind === 'Hostname';
}

/** Istio completes a name without a dot by the namespace of the route. */
function isHostOf({ host }: Arm, name: string, { metadata }: HttpRoute): boolean {
  const written = name.toLowerCase();
  return (
    written === host || (!written.includes('.') && host.startsWith(`${written}.${metadata.namespace}.svc.`))
  );
}

/** `Service payment-prod/payment-service`, or several of a kind; none for none. */
function called(kind: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${kind} ${names.join(', ')}`];
}

function past({ route, how, what }: Concern, { canary }: Subject): Failure {
  const { metadata } = route;
  const status = routeStatus(route, how === 'parent' ? isService : () => true);
  const does = how === 'parent' ? 'stands before' : 'sends to';
  const whose = how === 'parent' ? 'requests of the mesh that it takes' : 'requests that its Gateway brings';
  const facts = {
    read: `HTTPRoute ${nameOf(metadata)} ${does} ${what.join(' and ')}; ${status.words}`,
    mend: `look at it: kubectl -n ${metadata.namespace ?? 'default'} get httproutes.gateway.networking.k8s.io ${metadata.name} -o yaml; take it away, or let the VirtualService bring these requests, as canaryd moves no weights of HTTPRoutes`,
    object: refTo('HTTPRoute', metadata),
    path: how === 'parent' ? 'spec.parentRefs' : 'spec.rules[].backendRefs',
  };
  if (status.isRefused) {
    return info({
      ...facts,
      means: 'it brings nothing today; once it is accepted, its requests go past the weights',
    });
  }
  return warn({
    ...facts,
    means: `${whose} do not follow the weights: ${canary.version} may have more or fewer users than its share says, also when the rollout goes back`,
  });
}
