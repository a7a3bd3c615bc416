import { z } from 'zod';
import type { OtherRoute, Unread } from '../rollout/ports/other-routes.ts';
import { qualifyHost } from './host.ts';
import { matchInWords } from './match-words.ts';
import { type Path, type Place, shownPath, type VirtualService } from './virtual-service.ts';

/** One destination or mirror that gets requests from somewhere. */
export type Way = Omit<OtherRoute, 'match'> & {
  place: Place;
  /** What the requests have in common, each part in words. */
  words: string[];
};

/** A route that leaves the rest to another VirtualService, named by its namespace and name. */
export type Delegation = { to: string; from: string; words: string };

/** Where one VirtualService sends requests. */
export type Ways = {
  /** `<namespace>/<name>` of an object without hosts: others have to delegate to it. */
  delegate: string | null;
  ways: Way[];
  delegations: Delegation[];
  /** The qualified hosts under which every caller in the mesh finds it; they may begin with `*`. */
  hosts: string[];
  unknown: Unread[];
};

/**
 * Every destination of an object that gets requests. One with the share 0 gets none, so a canary at rest is not among
 * them. Never fails: what cannot be read is told of.
 */
export function waysIn(virtualService: VirtualService, clusterDomain: string): Ways {
  const { namespace, name } = virtualService.metadata;
  const spec = Spec.safeParse(virtualService.spec);
  if (!spec.success) return unreadable(virtualService, ['spec']);
  const scene = { virtualService, clusterDomain, common: reachInWords(spec.data, namespace) };
  const read = (['http', 'tls', 'tcp'] as const).flatMap((kind) =>
    (spec.data[kind] ?? []).map((route, index) => readOne(scene, route, kind, ['spec', kind, index])),
  );
  return {
    delegate: (spec.data.hosts ?? []).length === 0 ? `${namespace}/${name}` : null,
    ways: read.flatMap(({ ways }) => ways),
    delegations: read.flatMap(({ delegations }) => delegations),
    hosts: hostsForAll(spec.data, namespace, clusterDomain),
    unknown: read.flatMap(({ unknown }) => unknown),
  };
}

const Weighted = z.looseObject({
  destination: z.looseObject({ host: z.string(), subset: z.string().optional() }),
  weight: z.number().optional(),
});
const Target = z.looseObject({ host: z.string(), subset: z.string().optional() });
const Percent = z.looseObject({ value: z.number().optional() });
const Route = z.looseObject({
  name: z.string().optional(),
  match: z.unknown().optional(),
  route: z.array(Weighted).optional(),
  mirror: Target.nullish(),
  mirrorPercentage: Percent.nullish(),
  mirrorPercent: z.number().nullish(),
  mirrors: z.array(z.looseObject({ destination: Target, percentage: Percent.nullish() })).nullish(),
  delegate: z.looseObject({ name: z.string().optional(), namespace: z.string().optional() }).nullish(),
});
type Route = z.infer<typeof Route>;
const Spec = z.looseObject({
  hosts: z.array(z.string()).optional(),
  gateways: z.array(z.string()).optional(),
  exportTo: z.array(z.string()).optional(),
  http: z.array(z.unknown()).nullish(),
  tls: z.array(z.unknown()).nullish(),
  tcp: z.array(z.unknown()).nullish(),
});
type Spec = z.infer<typeof Spec>;

type Scene = { virtualService: VirtualService; clusterDomain: string; common: string[] };
type Kind = 'http' | 'tls' | 'tcp';
type Read = Pick<Ways, 'ways' | 'delegations' | 'unknown'>;

function readOne(scene: Scene, value: unknown, kind: Kind, at: Path): Read {
  const parsed = Route.safeParse(value);
  if (!parsed.success) return unreadable(scene.virtualService, at);
  const every = kind === 'http' ? 'every request' : 'every connection';
  const words = [matchInWords(parsed.data.match, every), ...scene.common];
  const destinations = [...weightedIn(parsed.data, at), ...mirrorsIn(parsed.data, at)];
  return {
    ways: destinations.flatMap((one) => wayTo(scene, parsed.data, one, words)),
    delegations: delegationsIn(scene, parsed.data, { at, words }),
    unknown: [],
  };
}

type Sent = { to: { host: string; subset?: string | undefined }; at: Path } & Pick<Way, 'kind' | 'share'>;

/** Istio sends everything to a sole destination, whatever its weight. */
function weightedIn({ route = [] }: Route, at: Path): Sent[] {
  const total = route.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return route.map(({ destination, weight = 0 }, index) => {
    const part = total === 0 ? 0 : (weight / total) * 100;
    const share = route.length === 1 ? 100 : part;
    return { to: destination, at: [...at, 'route', index], kind: 'route', share };
  });
}

/** Without a percentage everything is mirrored; one without a number is 0. */
function mirrorsIn({ mirror, mirrors, mirrorPercentage, mirrorPercent }: Route, at: Path): Sent[] {
  const percentOf = (percent: z.infer<typeof Percent> | null | undefined, otherwise = 100) =>
    percent ? (percent.value ?? 0) : otherwise;
  const share = percentOf(mirrorPercentage, mirrorPercent ?? 100);
  const sole: Sent[] = mirror ? [{ to: mirror, at: [...at, 'mirror'], kind: 'mirror', share }] : [];
  const several = (mirrors ?? []).map(({ destination, percentage }, index): Sent => {
    return { to: destination, at: [...at, 'mirrors', index], kind: 'mirror', share: percentOf(percentage) };
  });
  return [...sole, ...several];
}

function wayTo(
  { virtualService: { metadata }, clusterDomain }: Scene,
  { name }: Route,
  { to, at, kind, share }: Sent,
  words: string[],
): Way[] {
  if (share <= 0) return [];
  const place = { host: qualifyHost(to.host, metadata.namespace, clusterDomain), subset: to.subset ?? null };
  const object = { namespace: metadata.namespace, virtualService: metadata.name };
  return [{ ...object, route: name || null, path: shownPath(at), kind, share, place, words }];
}

function delegationsIn(
  { virtualService }: Scene,
  { delegate, name }: Route,
  { at, words }: { at: Path; words: string[] },
): Delegation[] {
  if (!delegate?.name) return [];
  const { namespace, name: virtualServiceName } = virtualService.metadata;
  const from = `${namespace}/${virtualServiceName} ${name || shownPath(at)}`;
  return [{ to: `${delegate.namespace || namespace}/${delegate.name}`, from, words: words.join('; ') }];
}

/** By which gateways and for which callers an object counts, where that is not for the whole mesh. */
function reachInWords({ gateways = [], exportTo = [] }: Spec, namespace: string): string[] {
  const outer = gateways.filter((name) => name !== 'mesh').map((name) => name.slice(0, 120));
  const names = outer.length > 3 ? `${outer.slice(0, 3).join(', ')} and ${outer.length - 3} more` : outer;
  const also = gateways.includes('mesh') ? 'in the mesh and through' : 'only through';
  const seen = exportTo.map((one) => (one === '.' ? namespace : one));
  return [
    ...(outer.length > 0 ? [`${also} gateway ${String(names)}`] : []),
    ...(seen.length > 0 && !seen.includes('*') ? [`for callers in ${seen.slice(0, 3).join(', ')} only`] : []),
  ];
}

function hostsForAll(
  { hosts = [], gateways = [], exportTo = [] }: Spec,
  namespace: string,
  clusterDomain: string,
): string[] {
  const isInMesh = gateways.length === 0 || gateways.includes('mesh');
  const isForAll = exportTo.length === 0 || exportTo.includes('*');
  return isInMesh && isForAll ? hosts.map((host) => qualifyHost(host, namespace, clusterDomain)) : [];
}

function unreadable({ metadata }: VirtualService, at: Path): Ways {
  const { namespace, name } = metadata;
  const why = `${shownPath(at)} of VirtualService ${name} has a form that is not understood`;
  return { delegate: null, ways: [], delegations: [], hosts: [], unknown: [{ namespace, why }] };
}
