import { defineCheck } from '../check.ts';
import { dataPlaneOf } from '../data-plane.ts';
import type { Judgement } from '../finding.ts';
import { error, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { KubernetesGateway, Namespace, Pod, Service, VirtualService } from '../objects.ts';
import { isSelected, nameOf, podsOf } from '../select.ts';
import type { Arm, Caller, Subject } from '../snapshot.ts';
import { claimsFor } from '../virtual-service/claims.ts';

type Seen = {
  services: readonly Service[];
  namespaces: readonly Namespace[];
  gateways: readonly KubernetesGateway[];
  /** How many of the callers divide the requests themselves. */
  callers: 'all' | 'some' | 'none';
};

/** Which waypoint a Service is to have, and whether it serves it; `why` with what mends it. */
type Served = { kind: 'served'; by: string } | { kind: 'unserved'; why: string; mend: string };

/**
 * In ambient mode a waypoint divides requests: ztunnel knows no VirtualService. The label of the Service goes before
 * that of its namespace, and a waypoint serves Services unless it says otherwise.
 * Source: https://istio.io/latest/docs/ambient/usage/waypoint/
 */
export const waypointServes = defineCheck({
  id: 'PF-SC-08',
  title: 'In ambient mode a waypoint serves the Service',
  family: 'injection',
  priority: 'P0',
  codes: ['KIA1109', 'KIA1113', 'KIA1317'],
  again: false,
  severity: 'error',
  needs: ['pods', 'services', 'namespaces', 'kubernetesGateways', 'virtualServices', 'callers', 'meshConfig'],
  failsByAbsence: true,
  judge: ({ pods, kubernetesGateways, callers, meshConfig, virtualServices, ...lists }, subject) => {
    const arms = ambientArms(subject, pods);
    if (arms.length === 0) return [skip('no pod of either version is in ambient mode')];
    if (!isForMesh(virtualServices, subject, meshConfig.clusterDomain))
      return [skip('the routes hold at gateways alone, which divide the requests themselves')];
    const seen = {
      ...lists,
      gateways: kubernetesGateways,
      callers: whoDivides(callers, lists.namespaces),
    };
    return arms.map((arm) => judgeArm(arm, seen));
  },
});

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

/** Callers whose namespace is injected have sidecars, which read the VirtualService themselves. */
function whoDivides(callers: readonly Caller[], namespaces: readonly Namespace[]): Seen['callers'] {
  const injected = callers.filter((caller) => {
    const labels = namespaces.find(({ metadata }) => metadata.name === caller.namespace)?.metadata.labels;
    const isAmbient = labels?.['istio.io/dataplane-mode'] === 'ambient';
    return (
      !isAmbient && (labels?.['istio-injection'] === 'enabled' || labels?.['istio.io/rev'] !== undefined)
    );
  });
  if (injected.length === 0) return 'none';
  return injected.length === callers.length ? 'all' : 'some';
}

function judgeArm({ service, version }: Arm, seen: Seen): Judgement {
  const name = nameOf(service);
  const found = seen.services.find(({ metadata }) => nameOf(metadata) === name);
  if (found === undefined) {
    const mend = `see that it is there and may be read: kubectl -n ${service.namespace} get service ${service.name}`;
    return unknown(`Service ${name} was not found: whether it has a waypoint is not known`, mend);
  }
  const served = waypointOf(found, seen);
  if (served.kind === 'served') return pass(`${served.by} serves Service ${name} of ${version}`);
  const facts = {
    read: `Service ${name} is in ambient mode, and ${served.why}`,
    mend: served.mend,
    object: refTo('Service', found.metadata),
    path: 'metadata.labels["istio.io/use-waypoint"]',
  };
  if (seen.callers === 'all') {
    const means =
      'the callers that are known have sidecars, which follow the weights themselves; one in ambient mode would be spread over the pods of both versions';
    return warn({ ...facts, means });
  }
  const means = `ztunnel knows no weights: callers${seen.callers === 'some' ? ' without a sidecar' : ''} are spread over the pods of both versions whatever the share, and going back would not take them off the canary`;
  const mend = `${served.mend}; where every caller has a sidecar, which follows the weights itself, waive PF-SC-08 with the reason`;
  return error({ ...facts, means, mend });
}

function waypointOf({ metadata }: Service, { namespaces, gateways }: Seen): Served {
  const own = namespaces.find((one) => one.metadata.name === metadata.namespace)?.metadata;
  const labels = [metadata.labels, own?.labels].find((one) => one?.[label] !== undefined) ?? {};
  const wanted = labels[label];
  const kubectl = `kubectl -n ${metadata.namespace}`;
  const enrol = `${kubectl} label service ${metadata.name} ${label}=NAME --overwrite`;
  if (wanted === undefined) {
    const why = `neither it nor its namespace has the label ${label}`;
    return {
      kind: 'unserved',
      why,
      mend: `make a waypoint (istioctl waypoint apply -n ${metadata.namespace}), then: ${enrol}`,
    };
  }
  if (wanted === 'none') {
    return { kind: 'unserved', why: `${label}=none takes it from any waypoint`, mend: enrol };
  }
  const namespace = labels[`${label}-namespace`] ?? metadata.namespace ?? '';
  const gateway = gateways.find((one) => nameOf(one.metadata) === `${namespace}/${wanted}`);
  if (gateway === undefined) {
    const why = `there is no Gateway ${namespace}/${wanted}, which ${label} names`;
    return { kind: 'unserved', why, mend: `istioctl waypoint apply -n ${namespace} --name ${wanted}` };
  }
  return serving(gateway, { name: metadata.namespace ?? '', labels: own?.labels ?? {} });
}

const label = 'istio.io/use-waypoint';

/** What a waypoint serves: Services where it says nothing. */
const forServices: readonly string[] = ['service', 'all'];

function serving(
  { metadata, spec, status }: KubernetesGateway,
  from: { name: string; labels: Readonly<Record<string, string>> },
): Served {
  const name = `Gateway ${nameOf(metadata)}`;
  const kubectl = `kubectl -n ${metadata.namespace}`;
  const unserved = (why: string, mend: string): Served => ({ kind: 'unserved', why: `${name} ${why}`, mend });
  if (spec.gatewayClassName !== 'istio-waypoint') {
    const mend = `name a waypoint: istioctl waypoint list -n ${metadata.namespace}`;
    return unserved(`has the class ${spec.gatewayClassName}, not istio-waypoint`, mend);
  }
  const serves = metadata.labels?.['istio.io/waypoint-for'] ?? 'service';
  if (!forServices.includes(serves)) {
    const mend = `${kubectl} label gateways.gateway.networking.k8s.io ${metadata.name} istio.io/waypoint-for=service --overwrite`;
    return unserved(`serves ${serves}, not Services`, mend);
  }
  if (!admits({ metadata, spec }, from)) {
    const mend = `let its listener take namespace ${from.name} (allowedRoutes): ${kubectl} edit gateways.gateway.networking.k8s.io ${metadata.name}`;
    return unserved(`takes no Services of namespace ${from.name}`, mend);
  }
  const programmed = status?.conditions?.find(({ type }) => type === 'Programmed');
  if (programmed?.status !== 'True') {
    const said =
      programmed === undefined
        ? 'says nothing of Programmed'
        : `is not Programmed (${programmed.reason ?? programmed.status})`;
    return unserved(said, `see why: ${kubectl} describe gateways.gateway.networking.k8s.io ${metadata.name}`);
  }
  return { kind: 'served', by: `the waypoint ${nameOf(metadata)}` };
}

/** Another namespace is taken only where the listener of the waypoint says so. */
function admits(
  { metadata, spec }: Pick<KubernetesGateway, 'metadata' | 'spec'>,
  from: { name: string; labels: Readonly<Record<string, string>> },
): boolean {
  if (metadata.namespace === from.name) return true;
  const listener = (spec.listeners ?? []).find(({ protocol }) => protocol === 'HBONE');
  const allowed = listener?.allowedRoutes?.namespaces;
  if (allowed?.from === 'Selector') return isSelected(from.labels, allowed.selector);
  return allowed?.from === 'All';
}
