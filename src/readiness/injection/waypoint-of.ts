import type { KubernetesGateway, Namespace, Service } from '../objects.ts';
import { isSelected, nameOf } from '../select.ts';

export type Lists = {
  services: readonly Service[];
  namespaces: readonly Namespace[];
  gateways: readonly KubernetesGateway[];
};

/** Which waypoint a Service is to have, and whether it serves it; `why` with what mends it. */
type Served = { kind: 'served'; by: string } | { kind: 'unserved'; why: string; mend: string };

/** The label of the Service goes before that of its namespace. */
export function waypointOf({ metadata }: Service, { namespaces, gateways }: Lists): Served {
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
