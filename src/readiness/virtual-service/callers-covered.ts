import { type Check, defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { coversHost } from '../hosts.ts';
import { bounded, orPass, refTo, warn } from '../judgement.ts';
import type { Gateway, VirtualService } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Caller, Subject } from '../snapshot.ts';
import { type Claim, claimsFor, gatewaysOf, isMovedObject } from './claims.ts';
import { armName, hostOf } from './moved.ts';

type Seen = {
  virtualServices: VirtualService[];
  gateways: Gateway[];
  callers: Caller[];
  clusterDomain: string;
};

/**
 * Routes hold for the callers of their gateways alone: `mesh` is every sidecar, and an object that names other gateways
 * leaves it out.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService (gateways) and
 * https://istio.io/latest/docs/reference/config/analysis/ist0132/
 */
export const callersCovered: Check = defineCheck({
  id: 'PF-VS-07',
  title: 'The routes hold for every way by which callers come: the mesh and the ingress gateways',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['IST0132', 'KIA1102'],
  again: false,
  severity: 'warn',
  needs: ['virtualServices', 'gateways', 'callers', 'meshConfig'],
  failsByAbsence: true,
  judge: ({ virtualServices, gateways, callers, meshConfig: { clusterDomain } }, subject) => {
    const seen = { virtualServices, gateways, callers, clusterDomain };
    const { claims, orphans } = claimsFor(virtualServices, subject, clusterDomain);
    const failures = [
      ...orphans.map((object) => notDelegated(object, subject)),
      ...claims.flatMap((claim) => gatewayFaults(claim, seen, subject)),
      ...leftOut(claims, seen, subject),
      ...waysAround(claims, seen, subject),
    ];
    const ways = [...new Set(claims.flatMap((claim) => claim.gateways))].join(', ');
    const who = callers.filter(({ requestsPerSecond }) => requestsPerSecond > 0).map(callerName);
    return orPass(
      bounded(failures),
      `the routes hold at ${ways}; callers: ${who.join(', ') || 'none at the moment'}`,
    );
  },
});

function callerName({ namespace, workload }: Caller): string {
  return `${namespace}/${workload}`;
}

function notDelegated({ metadata }: VirtualService, subject: Subject): Failure {
  return warn({
    read: `${nameOf(metadata)} has no hosts, and no VirtualService that could be read delegates to it`,
    means: `its weights move nobody, so ${armName(subject.canary)} gets no request at any share`,
    mend: `add a delegate to it in the VirtualService of the host, or give it hosts: kubectl -n ${metadata.namespace} edit virtualservice ${metadata.name}`,
    object: refTo('VirtualService', metadata),
    path: 'spec.hosts',
    undoneBy: ['virtualServices'],
  });
}

function gatewayFaults(
  { object, hosts, gateways: names }: Claim,
  { gateways }: Seen,
  subject: Subject,
): Failure[] {
  return names.flatMap((name) => {
    if (name === 'mesh') return [];
    const gateway = gateways.find(({ metadata }) => nameOf(metadata) === name);
    const served = (gateway?.spec.servers ?? []).flatMap((server) => server.hosts ?? []);
    const unserved = hosts.filter((host) => !served.some((one) => serves(one, host, object, name)));
    if (gateway !== undefined && unserved.length < hosts.length) return [];
    const { why, undoneBy } =
      gateway === undefined
        ? { why: 'there is no such Gateway', undoneBy: ['gateways'] as const }
        : {
            why: `its servers are for ${served.join(', ') || 'no host'}, not for ${unserved.join(', ')}`,
            undoneBy: [],
          };
    const [namespace, short] = name.split('/');
    return [
      warn({
        read: `${nameOf(object.metadata)} names the gateway ${name}, and ${why}`,
        means: `requests that come in from outside are not divided: users of the gateway never reach ${armName(subject.canary)}, and its checks see only part of them`,
        mend: `correct spec.gateways, or the hosts of the Gateway: kubectl -n ${namespace} get gateways.networking.istio.io ${short} -o yaml`,
        object: refTo('VirtualService', object.metadata),
        path: 'spec.gateways',
        undoneBy,
      }),
    ];
  });
}

/** `namespace/host`, in which the namespace is the VirtualService's; `.` is the gateway's own. */
function serves(server: string, host: string, { metadata }: VirtualService, gateway: string): boolean {
  const [scope, pattern] = server.includes('/') ? server.split('/') : ['*', server];
  const namespace = scope === '.' ? gateway.split('/')[0] : scope;
  const isIn = namespace === '*' || namespace === metadata.namespace;
  return isIn && (coversHost(pattern ?? '', host) || coversHost(host, pattern ?? ''));
}

/** Who calls now by a way for which the routes do not hold. An ingress-only service has no caller in the mesh. */
function leftOut(claims: readonly Claim[], { callers }: Seen, subject: Subject): Failure[] {
  const names = claims.flatMap(({ gateways }) => gateways);
  const live = callers.filter(({ requestsPerSecond }) => requestsPerSecond > 0);
  const inside = names.includes('mesh') ? [] : live.filter((one) => !isGateway(one));
  const outside = names.some((name) => name !== 'mesh') ? [] : live.filter(isGateway);
  const [first] = subject.virtualServices;
  return [...inside, ...outside].map((caller) => {
    const wanted = isGateway(caller) ? 'its gateway' : 'mesh';
    return warn({
      read: `${callerName(caller)} calls at ${caller.requestsPerSecond} requests/s, and the routes hold at ${names.join(', ') || 'no gateway'} only, without ${wanted}`,
      means: `its requests are not divided: they reach all pods of ${subject.stable.service.name}, those of ${armName(subject.canary)} among them, whatever the weights, and going back does not take them off`,
      mend: `add ${wanted} to spec.gateways: kubectl -n ${first?.namespace} edit virtualservice ${first?.name}`,
      path: 'spec.gateways',
      undoneBy: ['virtualServices'],
    });
  });
}

/** By convention: Istio's charts and the Gateway API name such workloads so. */
function isGateway({ workload }: Caller): boolean {
  return /gateway/i.test(workload);
}

/** Routes of other objects that send to an arm's host past the weights. */
function waysAround(
  claims: readonly Claim[],
  { virtualServices, clusterDomain }: Seen,
  subject: Subject,
): Failure[] {
  const own = new Set(claims.map(({ object }) => object));
  const hosts = new Set([subject.stable.host, subject.canary.host]);
  const others = virtualServices.filter((object) => !own.has(object) && !isMovedObject(object, subject));
  return others.flatMap((object) => {
    const routes = [...(object.spec.http ?? []), ...(object.spec.tls ?? []), ...(object.spec.tcp ?? [])];
    const sent = routes.flatMap(({ route }) => route ?? []).map((one) => hostOf(one, object, clusterDomain));
    const host = sent.find((one) => hosts.has(one));
    if (host === undefined) return [];
    const { metadata } = object;
    return [
      warn({
        read: `${nameOf(metadata)} sends requests to ${host}, too, at ${gatewaysOf(object).join(', ')}, and is no part of the target`,
        means: `its requests do not follow the weights: ${armName(subject.canary)} gets more or less than its share, and going back does not move them`,
        mend: `add it to the target, or let it delegate to ${subject.virtualServices[0]?.name}: kubectl -n ${metadata.namespace} get virtualservice ${metadata.name} -o yaml`,
        object: refTo('VirtualService', metadata),
        undoneBy: [],
      }),
    ];
  });
}
