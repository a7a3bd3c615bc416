import { type Check, defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { isVisibleTo } from '../hosts.ts';
import { bounded, error, orPass, unknown } from '../judgement.ts';
import type { Service, ServiceEntry, VirtualService } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { FactName, Subject } from '../snapshot.ts';
import { type Claim, claimsFor } from './claims.ts';
import { editing, hostOf, judgeMoved, type Moved, refToMoved } from './moved.ts';
import { splitJudgement } from './split-checks.ts';

type Registry = {
  services: Service[];
  serviceEntries: ServiceEntry[];
  virtualServices: VirtualService[];
  clusterDomain: string;
};

/** A destination of a route that is moved, by its complete host. */
type Sent = { moved: Moved; host: string; written: string; port: number | null; path: string };

/** What stands behind a host: its ports, and what it is called. */
type Backend = { called: string; ports: number[]; undoneBy: readonly FactName[] };

/**
 * Without a port Istio takes the Service's only one or, of several, the port of the listener that the request came by:
 * in the mesh the one that was called, at a gateway the gateway's own.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination, and istiod's
 * GetDestinationCluster and ResolveShortnameToFQDN
 */
export const destinationsResolve: Check = defineCheck({
  id: 'PF-VS-03',
  title: 'Every destination of the routes is a host that Istio knows, at a port that it has',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['KIA1101', 'IST0101', 'IST0112'],
  again: false,
  severity: 'error',
  needs: ['split', 'virtualServices', 'services', 'serviceEntries', 'meshConfig'],
  failsByAbsence: true,
  judge: ({ split, meshConfig, ...lists }, subject) => {
    const means = 'requests for this destination would be answered with 503, and its pods cannot be counted';
    const told = splitJudgement('PF-VS-03', split, { means, subject });
    if (told.length > 0) return told;
    const registry = { ...lists, clusterDomain: meshConfig.clusterDomain };
    return judgeMoved(lists.virtualServices, subject, (moved) => {
      const sent = moved.flatMap((one) => sentBy(one, registry));
      const judged = sent.flatMap((one) => judgeSent(one, registry, subject));
      const failures = judged.filter((one) => one.result === 'fail');
      const others = judged.filter((one) => one.result !== 'fail');
      return orPass([...bounded(failures), ...others], wordsOf(sent, registry));
    });
  },
});

function sentBy(moved: Moved, { clusterDomain }: Registry): Sent[] {
  return (moved.entry.route ?? []).map((one, index) => ({
    moved,
    host: hostOf(one, moved.object, clusterDomain),
    written: one.destination?.host ?? '',
    port: one.destination?.port?.number || null,
    path: `${moved.path}.route[${index}].destination`,
  }));
}

function wordsOf(sent: readonly Sent[], registry: Registry): string {
  const words = sent.map((one) => {
    const backend = backendOf(one, registry);
    return `${backend?.called ?? one.host} (${portWords(one.port, backend)})`;
  });
  return `found: ${[...new Set(words)].join(', ')}`;
}

function portWords(port: number | null, backend: Backend | null): string {
  if (port !== null) return `port ${port}`;
  const ports = backend?.ports ?? [];
  return ports.length === 1
    ? `its only port ${ports[0]}`
    : `the port that was called, of ${ports.join(', ')}`;
}

function backendOf(
  { host, moved }: Sent,
  { services, serviceEntries, clusterDomain }: Registry,
): Backend | null {
  const service = services.find(
    ({ metadata }) => `${metadata.name}.${metadata.namespace}.svc.${clusterDomain}` === host,
  );
  if (service !== undefined) return ofService(service);
  const from = moved.object.metadata.namespace ?? '';
  const entry = serviceEntries.find((one) => isVisibleTo(one, from) && one.spec.hosts.includes(host));
  if (entry === undefined) return null;
  const ports = (entry.spec.ports ?? []).map(({ number }) => number);
  // Others may give the same host more ports.
  return { called: `the ServiceEntry ${nameOf(entry.metadata)}`, ports, undoneBy: ['serviceEntries'] };
}

function ofService({ metadata, spec }: Service): Backend {
  return {
    called: `the Service ${nameOf(metadata)}`,
    ports: (spec.ports ?? []).map(({ port }) => port),
    undoneBy: [],
  };
}

function judgeSent(sent: Sent, registry: Registry, subject: Subject): Judgement[] {
  const backend = backendOf(sent, registry);
  if (backend === null) return [notFound(sent, registry, subject)];
  const { port } = sent;
  if (port !== null) {
    return backend.ports.includes(port) || backend.ports.length === 0 ? [] : [noPort(sent, port, backend)];
  }
  return backend.ports.length > 1 ? undirected(sent, backend, { registry, subject }) : [];
}

function notFound(sent: Sent, { clusterDomain, services }: Registry, subject: Subject): Judgement {
  const { host, written, moved, path } = sent;
  const [name, namespace, svc] = host.split('.');
  const known = [subject.stable, subject.canary].map(({ service }) => service.namespace);
  if (svc === 'svc' && host.endsWith(`.svc.${clusterDomain}`) && !known.includes(namespace ?? '')) {
    const mend = `let canaryd list services in ${namespace}, or look yourself: kubectl -n ${namespace} get service ${name}`;
    return unknown(`whether ${host} exists was not read: it is none of ${known[0]}`, mend);
  }
  const short = written.toLowerCase().replace(/\.$/, '');
  const meant = services.find(
    ({ metadata }) => short === `${metadata.name}.${metadata.namespace}` || short === nameAndSvc(metadata),
  );
  const full = meant && `${meant.metadata.name}.${meant.metadata.namespace}.svc.${clusterDomain}`;
  const why =
    full === undefined
      ? 'which is no Service and no host of a ServiceEntry that its namespace sees'
      : `which Istio takes as it stands, as it completes only names without a dot: ${full} is another host for it`;
  return error({
    read: `${moved.called} sends to ${host}, ${why}`,
    means:
      'requests to this destination are answered with 503, so the step that gives it traffic is an outage',
    mend: `write ${full ?? 'the complete name of a Service'} in ${path}.host: ${editing(moved)}`,
    object: refToMoved(moved),
    path: `${path}.host`,
    undoneBy: ['services', 'serviceEntries'],
  });
}

function nameAndSvc({ name, namespace }: { name: string; namespace?: string | undefined }): string {
  return `${name}.${namespace}.svc`;
}

function noPort({ moved, path, host }: Sent, port: number, { called, ports, undoneBy }: Backend): Failure {
  return error({
    read: `${moved.called} sends to port ${port} of ${host}; ${called} has ${ports.join(', ')}`,
    means:
      'requests to this destination are answered with 503, so the step that gives it traffic is an outage',
    mend: `write one of ${ports.join(', ')} in ${path}.port.number: ${editing(moved)}`,
    object: refToMoved(moved),
    path: `${path}.port.number`,
    undoneBy,
  });
}

/** Several ports and none is named: each way in must bring one that is there. */
function undirected(
  sent: Sent,
  backend: Backend,
  { registry, subject }: { registry: Registry; subject: Subject },
): Judgement[] {
  const { claims } = claimsFor(registry.virtualServices, subject, registry.clusterDomain);
  const gateway = claims.flatMap(({ gateways }) => gateways).find((one) => one !== 'mesh');
  const why =
    gateway === undefined
      ? missingInMesh(sent, backend, { claims, registry })
      : `requests of the gateway ${gateway} would go to the gateway's own port`;
  if (why === null) return [];
  const { moved, path, host } = sent;
  return [
    error({
      read: `${moved.called} names no port for ${host}, and ${backend.called} has ${backend.ports.join(', ')}: ${why}`,
      means:
        'a port that it does not have is answered with 503, so the step that gives it traffic is an outage',
      mend: `add "port": {"number": ${backend.ports[0]}} to ${path}: ${editing(moved)}`,
      object: refToMoved(moved),
      path,
      undoneBy: backend.undoneBy,
    }),
  ];
}

/** In the mesh requests keep the port that was called: one that the destination lacks. Null when it has all of them. */
function missingInMesh(
  { host, moved }: Sent,
  { ports }: Backend,
  { claims, registry }: { claims: Claim[]; registry: Registry },
): string | null {
  const called = claims.flatMap(({ hosts }) => hosts).filter((one) => one !== host);
  const missing = called.flatMap((one) => {
    const backend = backendOf({ host: one, moved, written: one, port: null, path: '' }, registry);
    return (backend?.ports ?? []).filter((port) => !ports.includes(port)).map((port) => `${one}:${port}`);
  });
  return missing.length === 0
    ? null
    : `callers of ${missing.join(', ')} would go to a port that it does not have`;
}
