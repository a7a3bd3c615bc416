import { type Check, defineCheck } from '../check.ts';
import { dataPlaneOf } from '../data-plane.ts';
import type { CheckFacts, Failure, Judgement } from '../finding.ts';
import { error, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { KubernetesGateway, Namespace, Pod, Service, VirtualService } from '../objects.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Arm, MeshConfig, Subject } from '../snapshot.ts';
import { claimsFor } from '../virtual-service/claims.ts';
import { type CallerProxies, proxiesOf } from './caller-proxies.ts';
import { type Lists, waypointOf } from './waypoint-of.ts';

const facts = {
  id: 'PF-SC-08',
  title: 'In ambient mode a waypoint serves the Service',
  family: 'injection',
  priority: 'P0',
  codes: ['KIA1109', 'KIA1113', 'KIA1317'],
  again: false,
  severity: 'error',
} as const satisfies CheckFacts;

const ofServices = [
  'pods',
  'services',
  'namespaces',
  'kubernetesGateways',
  'virtualServices',
  'meshConfig',
] as const;

const aloneByServices = defineCheck({
  ...facts,
  needs: ofServices,
  failsByAbsence: true,
  judge: (seen, subject) => judgeArms(seen, subject, null),
});

const withCallers = defineCheck({
  ...facts,
  needs: [...ofServices, 'callers', 'gateways', 'deployments'],
  failsByAbsence: true,
  judge: ({ callers, gateways, deployments, ...seen }, subject) => {
    const byDefault = seen.meshConfig.injectsByDefault;
    const known = { namespaces: seen.namespaces, gateways, deployments, byDefault };
    return judgeArms(seen, subject, proxiesOf(callers, known));
  },
});

/**
 * In ambient mode a waypoint divides requests: ztunnel knows no VirtualService. The label of the Service goes before
 * that of its namespace, and a waypoint serves Services unless it says otherwise. Who calls matters where none does.
 * Source: https://istio.io/latest/docs/ambient/usage/waypoint/
 */
export const waypointServes: Check = {
  ...facts,
  needs: withCallers.needs,
  run: (snapshot) => {
    const findings = aloneByServices.run(snapshot);
    return findings.some(({ result }) => result === 'fail') ? withCallers.run(snapshot) : findings;
  },
};

type Seen = {
  pods: readonly Pod[];
  services: readonly Service[];
  namespaces: readonly Namespace[];
  kubernetesGateways: readonly KubernetesGateway[];
  virtualServices: readonly VirtualService[];
  meshConfig: MeshConfig;
};

/** @param callers null where they are not looked at yet */
function judgeArms(
  { pods, kubernetesGateways: gateways, virtualServices, meshConfig, services, namespaces }: Seen,
  subject: Subject,
  callers: CallerProxies | null,
): Judgement[] {
  const arms = ambientArms(subject, pods);
  if (arms.length === 0) return [skip('no pod of either version is in ambient mode')];
  if (!isForMesh(virtualServices, subject, meshConfig.clusterDomain))
    return [skip('the routes hold at gateways alone, which divide the requests themselves')];
  return arms.map((arm) => judgeArm(arm, { services, namespaces, gateways }, callers));
}

/** One for each Service. */
function ambientArms({ stable, canary }: Subject, pods: readonly Pod[]): Arm[] {
  const ambient = [stable, canary].filter((arm) =>
    podsOf(arm, pods).some((pod) => dataPlaneOf(pod).kind === 'ambient'),
  );
  return [...new Map(ambient.map((arm) => [nameOf(arm.service), arm])).values()];
}

function isForMesh(
  virtualServices: readonly VirtualService[],
  subject: Subject,
  clusterDomain: string,
): boolean {
  const { claims } = claimsFor(virtualServices, subject, clusterDomain);
  return claims.length === 0 || claims.some(({ gateways }) => gateways.includes('mesh'));
}

function judgeArm({ service, version }: Arm, lists: Lists, callers: CallerProxies | null): Judgement {
  const name = nameOf(service);
  const found = lists.services.find(({ metadata }) => nameOf(metadata) === name);
  if (found === undefined) {
    const mend = `see that it is there and may be read: kubectl -n ${service.namespace} get service ${service.name}`;
    return unknown(`Service ${name} was not found: whether it has a waypoint is not known`, mend);
  }
  const served = waypointOf(found, lists);
  if (served.kind === 'served') return pass(`${served.by} serves Service ${name} of ${version}`);
  const failure = {
    read: `Service ${name} is in ambient mode, and ${served.why}`,
    mend: served.mend,
    object: refTo('Service', found.metadata),
    path: 'metadata.labels["istio.io/use-waypoint"]',
  };
  return callers === null ? error({ ...failure, means: '' }) : weighed(failure, callers);
}

type Unserved = Omit<Failure, 'result' | 'severity' | 'means'>;

/** Without a waypoint it matters who calls; an error only where somebody does whom nothing divides. */
function weighed(failure: Unserved, callers: CallerProxies): Judgement {
  const { divide, spread, unknown: others } = callers;
  if (spread.length > 0) return error(spreadOver(failure, callers));
  if (divide.length === 0 || others.length > 0) return notKnown(failure, others);
  const means =
    'the callers that are known have sidecars or are gateways, which follow the weights themselves; one in ambient mode would be spread over the pods of both versions';
  return warn({ ...failure, means });
}

function spreadOver(failure: Unserved, { divide, spread }: CallerProxies): Unserved & { means: string } {
  const which = divide.length > 0 ? 'callers without a sidecar' : 'callers';
  const call = spread.length === 1 ? 'calls' : 'call';
  return {
    ...failure,
    read: `${failure.read}; ${few(spread)} ${call} it without a proxy that follows weights`,
    means: `ztunnel knows no weights: ${which} are spread over the pods of both versions whatever the share, and going back would not take them off the canary`,
  };
}

function notKnown({ read, mend }: Unserved, callers: readonly string[]): Judgement {
  const have = callers.length === 1 ? 'has' : 'have';
  const who =
    callers.length === 0
      ? 'no caller of it is known'
      : `whether ${few(callers)} ${have} a sidecar is not known`;
  return unknown(
    `${read}; ${who}, and what ztunnel sends knows no weights`,
    `${mend}; or let canaryd read the labels of the namespaces of its callers, see that each has a sidecar or is a gateway (${look(callers)}), and ask again`,
  );
}

function few(names: readonly string[]): string {
  const more = names.length - 5;
  return `${names.slice(0, 5).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function look(callers: readonly string[]): string {
  const namespaces = callers.map((one) => one.split('/')[0]).filter((one) => one !== 'unknown');
  const [first = 'NAMESPACE'] = namespaces;
  return `kubectl get namespace ${first} --show-labels`;
}
