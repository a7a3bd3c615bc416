import fc from 'fast-check';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { WeightWrite } from '../../src/rollout/ports/mesh.ts';
import type { RoutesAsked } from '../../src/rollout/target.ts';
import { VirtualService } from '../../src/traffic/virtual-service.ts';
import { byHost, bySubset, type Naming, virtualServiceWith } from './objects.ts';

type Json = { [name: string]: unknown };

/** An object at rest, in which the routes at these places are moved from v1 to v2. */
export type Case = { object: VirtualService; asked: RoutesAsked; moved: string[]; naming: Naming };

const small = fc.nat(63);

const third = fc.record({
  version: fc.integer({ min: 3, max: 5 }),
  weight: fc.constantFrom(undefined, 0, 1, 7, 25, 20_000),
});
const splitRoute = fc.record({
  stable: fc.constantFrom(1, 3, 100, 1000, 9973, 20_000),
  canary: fc.constantFrom(undefined, 0),
  thirds: fc.array(third, { maxLength: 2 }),
  order: fc.nat(23),
  flavour: small,
});
type SplitRoute = typeof splitRoute extends fc.Arbitrary<infer Value> ? Value : never;

/**
 * VirtualServices that canaryd moves: http, tls and tcp routes, named or not, with third destinations, relative and
 * absent weights, mirrors, matches and fields that nobody knows, between routes that must be left alone.
 */
export const anyCase: fc.Arbitrary<Case> = fc
  .record({
    isByHost: fc.boolean(),
    http: fc.array(splitRoute, { maxLength: 3 }),
    tls: fc.array(splitRoute, { maxLength: 2 }),
    tcp: fc.array(splitRoute, { maxLength: 2 }),
    fallback: splitRoute,
    isNameless: fc.boolean(),
    between: fc.array(small, { maxLength: 4 }),
    notes: fc.constantFrom(undefined, {}, { team: 'pay', 'a/b~c': '"' }),
    unknown: small,
  })
  .map(({ http, tls, tcp, fallback, isNameless, ...rest }) => {
    const total = http.length + tls.length + tcp.length;
    if (total === 0) return caseFrom({ ...rest, http: [fallback], tls, tcp, isNameless });
    // Nothing can be named beside a route without a name.
    return isNameless && http.length > 0
      ? caseFrom({ ...rest, http: http.slice(0, 1), tls: [], tcp: [], isNameless })
      : caseFrom({ ...rest, http, tls, tcp, isNameless: false });
  });

type Recipe = {
  isByHost: boolean;
  http: SplitRoute[];
  tls: SplitRoute[];
  tcp: SplitRoute[];
  isNameless: boolean;
  between: number[];
  notes: Record<string, string> | undefined;
  unknown: number;
};

function caseFrom(recipe: Recipe): Case {
  const naming = recipe.isByHost ? byHost : bySubset;
  const { between } = recipe;
  const routes = routesOf(recipe, naming);
  const others = {
    http: (one: number, index: number) => otherHttp(one, index, naming),
    tls: otherTls,
    tcp: otherTcp,
  };
  const used = protocols.filter((protocol) => recipe[protocol].length > 0);
  const lists = used.map((protocol) => [protocol, woven(routes[protocol], between, others[protocol])]);
  const bare = virtualServiceWith(undefined, recipe.notes === undefined ? {} : { annotations: recipe.notes });
  const spec = { ...bare.spec, ...Object.fromEntries(lists) };
  return {
    object: VirtualService.parse({ ...bare, ...unknownFields(recipe.unknown), spec }),
    naming,
    moved: used.flatMap((protocol) =>
      recipe[protocol].map((_, index) => `/spec/${protocol}/${placeOf(index, between)}`),
    ),
    asked: askedOf(recipe, used),
  };
}

const protocols = ['http', 'tls', 'tcp'] as const;
type Protocol = (typeof protocols)[number];

function routesOf({ http, tls, tcp, isNameless }: Recipe, naming: Naming): Record<Protocol, Json[]> {
  return {
    http: http.map((one, index) => ({
      ...httpFields(one.flavour),
      ...(isNameless ? {} : { name: `moved-${index}` }),
      ...routeFrom(one, naming),
    })),
    tls: tls.map((one, index) => ({
      match: [
        { port: 8443 + index, sniHosts: [`b${index}.bank`, 'a.bank'] },
        { port: 8443 + index, sniHosts: ['c.bank'] },
      ],
      ...routeFrom(one, naming),
    })),
    tcp: tcp.map((one, index) => ({ match: [{ port: 3000 + index }], ...routeFrom(one, naming) })),
  };
}

function askedOf({ http, tls, tcp, isNameless }: Recipe, used: Protocol[]): RoutesAsked {
  if (isNameless) return {};
  const all = {
    http: { routes: http.map((_, index) => `moved-${index}`) },
    tls: { tls: tls.map((_, index) => ({ port: 8443 + index })) },
    tcp: { tcp: tcp.map((_, index) => ({ port: 3000 + index })) },
  };
  return Object.assign({}, ...used.map((protocol) => all[protocol]));
}

/** Routes of others stand before, between and behind those that are moved. */
function woven(moved: Json[], between: number[], other: (flavour: number, index: number) => Json): Json[] {
  const others = between.map(other);
  return [
    ...moved.flatMap((one, index) => [...(others[index] ? [others[index]] : []), one]),
    ...others.slice(moved.length),
  ];
}

function placeOf(index: number, between: number[]): number {
  return index + Math.min(index + 1, between.length);
}

function routeFrom({ stable, canary, thirds, order, flavour }: SplitRoute, naming: Naming): Json {
  const destinations = [
    { ...naming.destination('v1', stable), ...unknownFields(flavour) },
    naming.destination('v2', canary),
    ...thirds.map(({ version, weight }) => ({
      ...unknownFields(order),
      ...naming.destination(`v${version}`, weight),
    })),
  ];
  const turned = order % destinations.length;
  return { route: [...destinations.slice(turned), ...destinations.slice(0, turned)] };
}

const extras: Json[] = [
  {},
  { timeout: '3s', retries: { attempts: 2, perTryTimeout: '1s' } },
  { fault: { abort: { httpStatus: 503, percentage: { value: 0.1 } } }, corsPolicy: { maxAge: '24h' } },
  { mirror: { host: 'copies', subset: 'v2' }, mirrorPercentage: { value: 12.5 } },
  { mirrors: [{ destination: { host: 'copies' } }], rewrite: { uri: '/' } },
  { headers: { request: { set: { 'x-a~b/c': '"1"' } } }, futureField: { deep: [1, null, { x: 'é' }] } },
  { match: [{ uri: { prefix: '/pay' } }, { headers: { 'x-team': { exact: 'a' } }, port: 80 }] },
  { match: [{ method: { exact: 'POST' }, sourceLabels: { app: 'shop' } }] },
];

function httpFields(flavour: number): Json {
  return { ...extras[flavour % 8], ...extras[Math.floor(flavour / 8)] };
}

function unknownFields(flavour: number): Json {
  const kinds: Json[] = [{}, { 'x-number': 0.1 }, { 'x-list': [[], {}, null] }, { 'x-text': '\u2028~/' }];
  return kinds[flavour % 4] ?? {};
}

function otherHttp(flavour: number, index: number, naming: Naming): Json {
  const kinds: Json[] = [
    { name: `r${index}`, redirect: { uri: '/' } },
    { name: `d${index}`, delegate: { name: 'other', namespace: 'edge' } },
    { name: `a${index}`, directResponse: { status: 418 } },
    { name: `o${index}`, route: [naming.destination('v1', 90), naming.destination('v2', 10)] },
    { name: `s${index}`, route: 'not a list' },
  ];
  return { ...kinds[flavour % 5], ...unknownFields(flavour) };
}

function otherTls(flavour: number, index: number): Json {
  return {
    match: [{ port: 9000 + index, sniHosts: ['a.bank'] }],
    route: [byHost.destination('v1', flavour)],
  };
}

function otherTcp(flavour: number, index: number): Json {
  return {
    match: [{ port: 9000 + index }],
    route: [bySubset.destination('v1'), bySubset.destination('v2', flavour)],
  };
}

const header: ManagedRoute = {
  kind: 'header',
  name: 'preview',
  match: [{ headers: { 'x-canary': { exact: 'true' } } }],
};
const mirror: ManagedRoute = { kind: 'mirror', name: 'copy', match: null, percentage: 10 };
const managed = fc.constantFrom<ManagedRoute[] | undefined>(
  undefined,
  undefined,
  [],
  [header],
  [mirror],
  [header, mirror],
  [mirror, header],
);
const share = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100),
);

/** What a rollout writes one after the other; the last one ends it at 0 % or at 100 %. */
export const anyWrites: fc.Arbitrary<WeightWrite[]> = fc
  .tuple(fc.array(fc.tuple(share, managed), { maxLength: 3 }), fc.constantFrom(0, 100))
  .map(([steps, last]) => [
    ...steps.map(([one, routes], index) => ({
      share: one,
      rolloutId: 'ro_1',
      epoch: index + 1,
      end: false,
      ...(routes === undefined ? {} : { managed: routes }),
    })),
    { share: last, rolloutId: 'ro_1', epoch: steps.length + 1, end: true },
  ]);
