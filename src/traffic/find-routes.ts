import type { MovedRoute, RoutesAsked } from '../rollout/target.ts';
import { chooseUnnamed, findByKey, findHttp, findStream } from './find-entry.ts';
import { placesIn, type Qualify, qualifierIn, type Route, readEntry } from './route.ts';
import { entriesOf, isManaged, type RouteEntry } from './route-entries.ts';
import { isMisshapen, type Misshapen, type Path, shownPath, type VirtualService } from './virtual-service.ts';

/**
 * The routes that a person means at the start of a rollout. Where nothing is named: the one http route, or the one that
 * has no name among several, and beside it all tls and tcp routes, of which `giveRoles` keeps those with both
 * destinations; the only tls and tcp route of an object without http. Managed routes never count.
 */
export function chooseRoutes(
  virtualService: VirtualService,
  asked: RoutesAsked,
  clusterDomain: string,
): Route[] | Misshapen {
  const named = namedIn(virtualService, asked);
  const chosen = named.length > 0 ? onceEach(named) : [chooseUnnamed(virtualService)];
  const routes = readAll(virtualService, chosen, clusterDomain);
  if (named.length > 0 || isMisshapen(routes)) return routes;
  return [...routes, ...besides(virtualService, routes, clusterDomain)];
}

/** Those that a request names; a refusal says where it does. */
function namedIn(
  virtualService: VirtualService,
  { route, routes = [], tls = [], tcp = [] }: RoutesAsked,
): (RouteEntry | Misshapen)[] {
  const http = (name: string) => findHttp(virtualService, name);
  return [
    ...(route === undefined ? [] : [askedAt(http(route), ['route'])]),
    ...routes.map((name, index) => askedAt(http(name), ['routes', index])),
    ...tls.map((one, index) => askedAt(findStream(virtualService, { kind: 'tls', ...one }), ['tls', index])),
    ...tcp.map((one, index) => askedAt(findStream(virtualService, { kind: 'tcp', ...one }), ['tcp', index])),
  ];
}

function askedAt(found: RouteEntry | Misshapen, asked: Path): RouteEntry | Misshapen {
  return isMisshapen(found) ? { ...found, fault: { ...found.fault, asked } } : found;
}

/** The routes of a running rollout, in the order of `moved` and wherever they stand now. */
export function findRoutes(
  virtualService: VirtualService,
  moved: Pick<MovedRoute, 'key'>[],
  clusterDomain: string,
): Route[] | Misshapen {
  const found = moved.map(({ key }) => findByKey(virtualService, key));
  return readAll(virtualService, found, clusterDomain);
}

/** Two names of one route, such as its port and its SNI hosts, choose it once. */
function onceEach(found: (RouteEntry | Misshapen)[]): (RouteEntry | Misshapen)[] {
  const pathOf = (one: RouteEntry | Misshapen) => (isMisshapen(one) ? one.fault.path : shownPath(one.at));
  return found.filter((one, index) => found.findIndex((other) => pathOf(other) === pathOf(one)) === index);
}

function readAll(
  virtualService: VirtualService,
  found: (RouteEntry | Misshapen)[],
  clusterDomain: string,
): Route[] | Misshapen {
  const entries: RouteEntry[] = [];
  for (const one of found) {
    if (isMisshapen(one)) return one;
    entries.push(one);
  }
  const qualify = qualifierIn(virtualService.metadata.namespace, clusterDomain);
  const elsewhere = elsewhereOf(virtualService, entries, qualify);
  const routes: Route[] = [];
  for (const entry of entries) {
    const read = readEntry(entry, qualify);
    if (isMisshapen(read)) return read;
    routes.push({ ...read, elsewhere, isBeside: false });
  }
  return routes;
}

function elsewhereOf(
  virtualService: VirtualService,
  moved: RouteEntry[],
  qualify: Qualify,
): Route['elsewhere'] {
  const http = entriesOf(virtualService, 'http');
  if (isMisshapen(http)) return [];
  const paths = moved.map(({ at }) => shownPath(at));
  const others = http.filter((entry) => !paths.includes(shownPath(entry.at)) && !isManaged(entry));
  return others.flatMap(({ value }) => placesIn(value, qualify));
}

/** What cannot be read beside a route that somebody wants to move is left alone. */
function besides(virtualService: VirtualService, chosen: Route[], clusterDomain: string): Route[] {
  const paths = chosen.map(({ at }) => shownPath(at));
  const qualify = qualifierIn(virtualService.metadata.namespace, clusterDomain);
  const elsewhere = chosen[0]?.elsewhere ?? [];
  return (['tls', 'tcp'] as const).flatMap((protocol) => {
    const entries = entriesOf(virtualService, protocol);
    const others = isMisshapen(entries) ? [] : entries.filter(({ at }) => !paths.includes(shownPath(at)));
    const read = others.map((entry) => readEntry(entry, qualify));
    return read.flatMap((route) => (isMisshapen(route) ? [] : [{ ...route, elsewhere, isBeside: true }]));
  });
}
