import { type Check, defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { audienceOf, coversHost, isVisibleTo } from '../hosts.ts';
import { bounded, error, orPass, refTo, skip, warn } from '../judgement.ts';
import type { VirtualService } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Subject } from '../snapshot.ts';
import { catchAllPorts, meet, movedCatchAllPorts } from './catch-all-at.ts';
import { type Claim, claimOf, claimsFor } from './claims.ts';
import { armName } from './moved.ts';

type Shared = { ours: Claim; other: Claim; host: string; gateway: string };
type Around = { objects: readonly VirtualService[]; subject: Subject };

/**
 * In the mesh one object decides for a host: the others are ignored where both are seen. At a gateway their routes are
 * put together, catch-alls behind all others, and of two alike that of the older object first. A more specific host goes
 * before a wildcard.
 * Source: https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services and
 * https://istio.io/latest/docs/reference/config/analysis/ist0109/
 */
export const soleClaim: Check = defineCheck({
  id: 'PF-VS-05',
  title: 'No other VirtualService gives routes for the same host at the same gateway',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['KIA1106', 'IST0109'],
  again: false,
  severity: 'error',
  needs: ['virtualServices', 'meshConfig'],
  judge: ({ virtualServices, meshConfig: { clusterDomain } }, subject) => {
    const { claims } = claimsFor(virtualServices, subject, clusterDomain);
    if (claims.length === 0) {
      return [skip('no VirtualService that could be read brings requests to the routes: see PF-VS-07')];
    }
    const around = { objects: virtualServices, subject };
    const all = virtualServices.map((object) => claimOf(object, clusterDomain));
    const failures = claims.flatMap((ours) =>
      all.flatMap((other) => (other.object === ours.object ? [] : conflictsOf(ours, other, around))),
    );
    const read = claims.map(
      ({ object, hosts, gateways }) =>
        `${hosts.join(', ')} at ${gateways.join(', ')}: ${nameOf(object.metadata)} alone of ${virtualServices.length} VirtualServices`,
    );
    return orPass(bounded(failures), read.join('; '));
  },
});

function conflictsOf(ours: Claim, other: Claim, around: Around): Failure[] {
  const host = ours.hosts.find((one) => other.hosts.some((theirs) => takes(theirs, one)));
  if (host === undefined) return [];
  const gateways = ours.gateways.filter((one) => other.gateways.includes(one));
  return gateways.flatMap((gateway) => {
    const shared = { ours, other, host, gateway };
    return gateway === 'mesh' ? inMesh(shared, around.subject) : atGateway(shared, around);
  });
}

/** A wildcard takes nothing from a host that is named; a host that is named takes itself from a wildcard. */
function takes(theirs: string, ours: string): boolean {
  return ours.startsWith('*') && ours !== theirs ? coversHost(ours, theirs) : theirs === ours;
}

function inMesh(shared: Shared, subject: Subject): Failure[] {
  const where = seenBoth(shared.ours.object, shared.other.object);
  if (where !== 'all' && where.length === 0) return [];
  const ours = audienceOf(shared.ours.object);
  const isEverywhere = where === 'all' || (ours !== 'all' && ours.every((one) => where.includes(one)));
  const among = where === 'all' ? 'every namespace' : where.join(', ');
  const failure = {
    ...conflict(shared),
    means: `callers in ${among} obey one of the two and ignore the other: where it is not ours, no weight moves their requests, forward or back, and ${armName(subject.canary)} is judged without them`,
  };
  return [isEverywhere ? error(failure) : warn(failure)];
}

/** The namespaces in which both are seen. */
function seenBoth(one: VirtualService, other: VirtualService): 'all' | string[] {
  const left = audienceOf(one);
  const right = audienceOf(other);
  if (left === 'all') return right;
  return right === 'all' ? left : left.filter((namespace) => right.includes(namespace));
}

function atGateway(shared: Shared, around: Around): Failure[] {
  const { ours, other, gateway } = shared;
  const namespace = gateway.split('/')[0] ?? '';
  if (!isVisibleTo(ours.object, namespace) || !isVisibleTo(other.object, namespace)) return [];
  const theirs = catchAllPorts(other.object.spec.http ?? [], gateway, other.object);
  const moved = movedCatchAllPorts(ours.object, gateway, around);
  if (meet(theirs, moved) && isOlder(other.object, ours.object)) {
    const means = `its route for everything is older and goes before a route of ours for everything: requests that come by ${gateway} may never be divided, and weights would not move them back either`;
    return [error({ ...conflict(shared), means })];
  }
  const means = `the gateway puts the routes of both together, those for everything last: requests that a narrower route of the other one matches may never reach ${armName(around.subject.canary)}, whatever its share`;
  return [warn({ ...conflict(shared), means })];
}

function isOlder({ metadata: one }: VirtualService, { metadata: other }: VirtualService): boolean {
  const [left, right] = [one, other].map(({ creationTimestamp }) => Date.parse(creationTimestamp ?? '') || 0);
  return (left ?? 0) <= (right ?? 0);
}

function conflict({ ours, other, host, gateway }: Shared) {
  const { metadata } = other.object;
  const at = gateway === 'mesh' ? 'in the mesh' : `at the gateway ${gateway}`;
  const command = `kubectl -n ${metadata.namespace} edit virtualservice ${metadata.name}`;
  return {
    read: `${nameOf(metadata)} gives routes for ${host} ${at}, as ${nameOf(ours.object.metadata)} does`,
    mend: `put the routes of both into one object, or take the host or the gateway out of the other: ${command}`,
    object: refTo('VirtualService', metadata),
    path: 'spec.hosts',
  };
}
