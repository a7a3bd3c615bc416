import type { Failure } from '../finding.ts';
import { completeHost, coversHost } from '../hosts.ts';
import { refTo, warn } from '../judgement.ts';
import type { Gateway, Service, ServiceEntry, VirtualService } from '../objects.ts';
import { editing, emptyName, fieldPair, type Named, ruleWords } from './named.ts';
import type { Rule } from './policies.ts';

export type Hosts = {
  services: readonly Service[];
  serviceEntries: readonly ServiceEntry[];
  gateways: readonly Gateway[];
  virtualServices: readonly VirtualService[];
  clusterDomain: string;
  versions: string;
};

/** The fields in which a rule names hosts of requests. */
export function hostFields({ to }: Rule) {
  return (to ?? []).flatMap(({ operation }, index) =>
    fieldPair(`to[${index}].operation.hosts`, [operation?.hosts, operation?.notHosts]),
  );
}

/** Whether a host is one by which somebody may ask; `unread` for a Service of a namespace that nobody looked at. */
export function lookForHost(named: Named, known: Hosts): 'found' | 'unread' | Failure {
  const host = named.value.toLowerCase().replace(/:\d+$/, '');
  if (namesOfServices(known).has(host)) return 'found';
  if (patternsOf(known).some((pattern) => coversHost(pattern, host))) return 'found';
  if (isOfAnotherNamespace(host, known)) return 'unread';
  return warn({
    read: `${ruleWords(named)} names the host ${named.value}, which is none of a Service, ServiceEntry, Gateway or VirtualService`,
    means: emptyName(named, known.versions),
    mend: `write the host by which callers ask: ${editing(named)}; if something before the mesh brings it, waive PF-AZ-04 with the reason`,
    object: refTo('AuthorizationPolicy', named.policy.metadata),
    path: named.path,
  });
}

/** The forms in which a caller may write the name of a Service. */
function namesOfServices({ services, clusterDomain }: Hosts): ReadonlySet<string> {
  const names = services.flatMap(({ metadata: { name, namespace } }) => {
    const short = `${name}.${namespace}`;
    return [name, short, `${short}.svc`, `${short}.svc.${clusterDomain}`];
  });
  return new Set(names);
}

/** A Gateway's host may have its namespace before it: `payment-prod/pay.example.com`. */
function patternsOf({ serviceEntries, gateways, virtualServices, clusterDomain }: Hosts): string[] {
  const ofEntries = serviceEntries.flatMap(({ spec }) => spec.hosts);
  const ofGateways = gateways.flatMap(({ spec }) =>
    (spec.servers ?? []).flatMap(({ hosts }) => (hosts ?? []).map((host) => host.replace(/^.*\//, ''))),
  );
  const ofRoutes = virtualServices.flatMap(({ metadata, spec }) =>
    (spec.hosts ?? []).flatMap((host) => [host, completeHost(host, metadata.namespace ?? '', clusterDomain)]),
  );
  return [...ofEntries, ...ofGateways, ...ofRoutes].map((host) => host.toLowerCase());
}

function isOfAnotherNamespace(host: string, { services, clusterDomain }: Hosts): boolean {
  const short = host.endsWith(`.svc.${clusterDomain}`) ? host.slice(0, -clusterDomain.length - 1) : host;
  const [, namespace, svc, ...more] = short.split('.');
  const isService = svc === 'svc' && more.length === 0;
  return isService && !services.some(({ metadata }) => metadata.namespace === namespace);
}
