import { type Side, sidesOf, withoutPods } from '../arms.ts';
import { isLike } from '../authorization/identities.ts';
import { defineCheck } from '../check.ts';
import { bounded, error, orPass, refTo, skip, warn } from '../judgement.ts';
import type { ServiceEntry, Sidecar } from '../objects.ts';
import { hasLabels, nameOf } from '../select.ts';
import type { Callee, MeshConfig, Subject } from '../snapshot.ts';
import { isExportedTo } from './pin.ts';

/** How the canary's proxies treat hosts that nobody registered, and who says so. */
type Outbound = { isRegistryOnly: boolean; isClear: boolean; by: string; sidecar: Sidecar | null };

/** A host that the canary will call, and the namespace of its Service where it is one of the mesh. */
type Wanted = { host: string; namespace: string | null; why: string };

const lost = ['BlackHoleCluster', 'PassthroughCluster'];

/**
 * The one Sidecar that holds for the canary decides over the mesh configuration: for the workload, for its namespace, or
 * of the root namespace. It also says which registered hosts the proxy knows at all. A mode that is there and empty is
 * REGISTRY_ONLY to Istio (KIA1007), which few mean by it.
 * Source: https://istio.io/latest/docs/reference/config/networking/sidecar/#OutboundTrafficPolicy
 */
export const registry = defineCheck({
  id: 'PF-EG-01',
  title: 'With REGISTRY_ONLY, every host that the canary will call is registered for it',
  family: 'egress',
  priority: 'P0',
  codes: ['KIA1007'],
  again: false,
  severity: 'error',
  needs: ['meshConfig', 'sidecars', 'serviceEntries', 'callees', 'pods'],
  failsByAbsence: true,
  judge: ({ meshConfig, sidecars, serviceEntries, callees, pods }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const outbound = outboundOf(sides.canary, sidecars, meshConfig);
    if (!outbound.isRegistryOnly) {
      return [skip(`${outbound.by} lets ${subject.canary.version} call hosts that nobody registered`)];
    }
    const wanted = wantedOf(callees, subject);
    const missing = wanted.filter((one) => !isKnown(one, outbound, serviceEntries, sides.canary.namespace));
    const failures = missing.map((one) => unregistered(one, outbound, subject));
    const dropped = callees.filter(({ host }) => lost.includes(host)).map((one) => leaving(one, subject));
    const read = `${outbound.by} sets REGISTRY_ONLY, and all ${wanted.length} hosts that ${subject.canary.version} will call are registered`;
    return orPass([...bounded(failures), ...dropped], read);
  },
});

function outboundOf(canary: Side, sidecars: readonly Sidecar[], mesh: MeshConfig): Outbound {
  const sidecar = sidecarOf(canary, sidecars, mesh.rootNamespace);
  const own = sidecar?.spec.outboundTrafficPolicy;
  if (sidecar && own) {
    const isClear = Boolean(own.mode);
    const mode = isClear ? '' : ' (its mode is empty, which Istio reads so)';
    return {
      isRegistryOnly: own.mode !== 'ALLOW_ANY',
      isClear,
      by: `Sidecar ${nameOf(sidecar.metadata)}${mode}`,
      sidecar,
    };
  }
  const isRegistryOnly = mesh.outboundTrafficPolicyMode === 'REGISTRY_ONLY';
  return { isRegistryOnly, isClear: true, by: 'MeshConfig', sidecar };
}

function sidecarOf(side: Side, sidecars: readonly Sidecar[], rootNamespace: string): Sidecar | null {
  const oldestFirst = sidecars.toSorted((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1));
  const labelsOf = ({ spec }: Sidecar) => spec.workloadSelector?.labels ?? {};
  const isSelecting = (sidecar: Sidecar) => Object.keys(labelsOf(sidecar)).length > 0;
  const own = oldestFirst.filter(({ metadata }) => metadata.namespace === side.namespace);
  const selected = own.find(
    (one) => isSelecting(one) && side.labelSets.every((labels) => hasLabels(labels, labelsOf(one))),
  );
  const ofRoot = oldestFirst.filter(({ metadata }) => metadata.namespace === rootNamespace);
  return selected ?? [...own, ...ofRoot].find((one) => !isSelecting(one)) ?? null;
}

function ageOf({ metadata }: Sidecar): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

function wantedOf(callees: readonly Callee[], { stable, requirements }: Subject): Wanted[] {
  const called = callees
    .filter(({ host }) => !lost.includes(host))
    .map(({ host, service, requestsPerSecond }) => ({
      host: host.replace(/:\d+$/, ''),
      namespace: service?.namespace ?? null,
      why: `${stable.version} calls it ${Number(requestsPerSecond.toPrecision(3))} times a second`,
    }));
  const planned = requirements.egressHosts
    .filter((host) => !called.some((one) => one.host === host))
    .map((host) => ({ host, namespace: null, why: 'the target lists it' }));
  return [...called, ...planned].toSorted((one, other) => (one.host < other.host ? -1 : 1));
}

function isKnown(
  wanted: Wanted,
  { sidecar }: Outbound,
  entries: readonly ServiceEntry[],
  own: string,
): boolean {
  if (wanted.namespace !== null) return isImported(sidecar, wanted.namespace, wanted.host, own);
  return entries.some(({ metadata, spec }) => {
    const registered = spec.hosts.find((host) => isLike(host, wanted.host));
    return (
      registered !== undefined &&
      isExportedTo(spec.exportTo, metadata.namespace, own) &&
      isImported(sidecar, metadata.namespace ?? '', wanted.host, own)
    );
  });
}

/** True where the Sidecar takes this host of this namespace in; one without egress hosts takes in everything. */
function isImported(sidecar: Sidecar | null, namespace: string, host: string, own: string): boolean {
  const hosts = (sidecar?.spec.egress ?? []).flatMap((egress) => egress.hosts ?? []);
  if (hosts.length === 0) return true;
  return hosts.some((entry) => {
    const [from, name = '*'] = entry.split('/');
    const isFrom = from === '*' || from === namespace || (from === '.' && namespace === own);
    return isFrom && isLike(name, host);
  });
}

function unregistered(
  { host, namespace, why }: Wanted,
  { by, isClear, sidecar }: Outbound,
  { canary }: Subject,
) {
  const own = canary.service.namespace;
  const failure = {
    read: `${by} sets REGISTRY_ONLY, and ${canary.version} knows no ${namespace === null ? 'ServiceEntry' : 'Service'} for ${host} (${why})`,
    means: `calls of ${canary.version} to ${host} are answered 502 by its own proxy`,
    mend: `register it and let the Sidecar of ${own} take it in: kubectl get serviceentries -A | grep '${host}'; kubectl -n ${own} get sidecars -o yaml`,
    ...(sidecar === null ? {} : { object: refTo('Sidecar', sidecar.metadata), path: 'spec.egress' }),
    undoneBy: ['sidecars', 'serviceEntries'] as const,
  };
  return isClear ? error(failure) : warn(failure);
}

function leaving({ host, requestsPerSecond }: Callee, { stable, canary }: Subject) {
  const rate = `${Number(requestsPerSecond.toPrecision(3))} requests a second`;
  return warn({
    read: `${stable.version} sends ${rate} to ${host}: to hosts that nobody registered`,
    means: `${canary.version} has REGISTRY_ONLY, so its own such calls are answered 502`,
    mend: `find the hosts: kubectl -n ${stable.service.namespace} logs deploy/${stable.service.name} -c istio-proxy | grep ${host}; then register them with a ServiceEntry`,
    undoneBy: ['sidecars'],
  });
}
