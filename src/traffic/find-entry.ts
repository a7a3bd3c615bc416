import { type RouteKey, routeLabel } from '../rollout/target.ts';
import { sendsTraffic } from './route.ts';
import { entriesOf, hasSniHosts, isManaged, isMeantBy, type RouteEntry } from './route-entries.ts';
import {
  isMisshapen,
  type Misshapen,
  misshapen,
  type Path,
  shownPath,
  type VirtualService,
} from './virtual-service.ts';

const httpRoutes = ['spec', 'http'];

/** The route that is meant where none is named: an http route or, in an object without any, its only tls or tcp route. */
export function chooseUnnamed(virtualService: VirtualService): RouteEntry | Misshapen {
  const http = entriesOf(virtualService, 'http');
  if (isMisshapen(http)) return http;
  if (http.length === 0) return chooseStream(virtualService);
  return findNameless(http);
}

/** The only route of others than canaryd that can be moved, or the only one of them without a name. */
function findNameless(http: RouteEntry[]): RouteEntry | Misshapen {
  const theirs = countedIn(http);
  const [only, second] = theirs;
  if (only === undefined) {
    const message = `the VirtualService has no http route but canaryd's own (${namesOf(http)}): add one with two destinations`;
    return misshapen('route-not-found', httpRoutes, message);
  }
  if (second === undefined) return only;
  const [nameless, another] = theirs.filter((entry) => routeLabel(entry.key) === '');
  if (another !== undefined) return severalNameless(theirs, another);
  if (nameless !== undefined) return nameless;
  const message = `the VirtualService has several http routes, so the rollout must name one of them: ${namesOf(theirs)}`;
  return misshapen('route-ambiguous', [...second.at, 'name'], message);
}

/** A route that sends traffic nowhere by itself cannot be moved; where there is no other, reading it says why. */
function countedIn(http: RouteEntry[]): RouteEntry[] {
  const theirs = http.filter((entry) => !isManaged(entry));
  const movable = theirs.filter(sendsTraffic);
  return movable.length === 0 ? theirs : movable;
}

function severalNameless(theirs: RouteEntry[], another: RouteEntry): Misshapen {
  const named = theirs.filter(({ key }) => routeLabel(key) !== '');
  const others = named.length === 0 ? '' : ` (there are: ${namesOf(named)})`;
  const message = `several http routes have no name: give ${shownPath(another.at)} a name, and name the route that is to be moved in target.route${others}`;
  return misshapen('route-ambiguous', [...another.at, 'name'], message);
}

function chooseStream(virtualService: VirtualService): RouteEntry | Misshapen {
  for (const protocol of ['tls', 'tcp'] as const) {
    const entries = entriesOf(virtualService, protocol);
    if (isMisshapen(entries)) return entries;
    const [only, second] = entries;
    if (second !== undefined) return ambiguous(protocol, entries);
    if (only !== undefined) return only;
  }
  return misshapen(
    'unsupported-shape',
    httpRoutes,
    'the VirtualService has no route: add one with two destinations',
  );
}

/** The http route of this name. */
export function findHttp(virtualService: VirtualService, name: string): RouteEntry | Misshapen {
  const http = entriesOf(virtualService, 'http');
  if (isMisshapen(http)) return http;
  const theirs = http.filter((entry) => !isManaged(entry));
  const [route, second] = http.filter(({ key }) => routeLabel(key) === name);
  if (route === undefined) {
    const message = `no http route is named "${name}"; there are: ${namesOf(theirs)}`;
    return misshapen('route-not-found', httpRoutes, message);
  }
  if (second !== undefined) {
    const message = `two http routes are named "${name}": give each its own name`;
    return misshapen('route-ambiguous', [...second.at, 'name'], message);
  }
  if (!isManaged(route)) return route;
  const message = `"${name}" is a managed route, which canaryd puts there and takes away: name one of these: ${namesOf(theirs)}`;
  return misshapen('route-ambiguous', [...route.at, 'name'], message);
}

type AskedStream =
  | { kind: 'tls'; port?: number | undefined; sniHosts?: string[] | undefined }
  | { kind: 'tcp'; port?: number | undefined };

/** The tls or tcp route that matches what is asked for. */
export function findStream(virtualService: VirtualService, asked: AskedStream): RouteEntry | Misshapen {
  const entries = entriesOf(virtualService, asked.kind);
  if (isMisshapen(entries)) return entries;
  const { port } = asked;
  const sniHosts = asked.kind === 'tls' ? asked.sniHosts : undefined;
  const meant = entries.filter(
    (entry) =>
      (port === undefined || entry.ports.includes(port)) &&
      (sniHosts === undefined || hasSniHosts(entry, sniHosts)),
  );
  const [route, second] = meant;
  if (second !== undefined) return ambiguous(asked.kind, meant);
  if (route !== undefined) return findTwin(entries, route) ?? route;
  const wanted = [
    port === undefined ? [] : [`the port ${port}`],
    sniHosts === undefined ? [] : [`exactly the SNI hosts ${sniHosts.join(', ')}`],
  ].flat();
  const message = `no ${asked.kind} route matches ${wanted.join(' and ') || 'anything'}; there are: ${namesOf(entries)}`;
  return misshapen('route-not-found', ['spec', asked.kind], message);
}

/** Another route that the same key would find, so that a running rollout could not tell the two apart. */
function findTwin(entries: RouteEntry[], route: RouteEntry): Misshapen | null {
  const found = entries.filter((entry) => isMeantBy(route.key, entry));
  return found.length > 1 ? ambiguous(route.key.kind, found) : null;
}

function ambiguous(kind: RouteKey['kind'], entries: RouteEntry[]): Misshapen {
  const at: Path = entries[1]?.at ?? ['spec', kind];
  const mend = kind === 'tls' ? 'name one by port and SNI hosts' : 'name one by a port that no other has';
  const message = `several ${kind} routes are meant (${namesOf(entries)}): ${mend} in target.${kind}`;
  return misshapen('route-ambiguous', at, message);
}

/** The route that a running rollout moves. */
export function findByKey(virtualService: VirtualService, key: RouteKey): RouteEntry | Misshapen {
  if (key.kind === 'http' && key.name !== '') return findHttp(virtualService, key.name);
  const entries = entriesOf(virtualService, key.kind);
  if (isMisshapen(entries)) return entries;
  if (key.kind === 'http') {
    if (entries.length > 0) return findNameless(entries);
    return misshapen(
      'route-not-found',
      httpRoutes,
      'the VirtualService has no http route any more: put it back',
    );
  }
  const [route, second] = entries.filter((entry) => isMeantBy(key, entry));
  if (second !== undefined) return ambiguous(key.kind, entries);
  const message = `the ${key.kind} route ${routeLabel(key)} is not there any more; there are: ${namesOf(entries)}`;
  return route ?? misshapen('route-not-found', ['spec', key.kind], message);
}

function namesOf(entries: RouteEntry[]): string {
  const nameIn = ({ key, at }: RouteEntry) => routeLabel(key) || `${shownPath(at)} (no name)`;
  return entries.length === 0 ? 'none' : entries.map(nameIn).join(', ');
}
