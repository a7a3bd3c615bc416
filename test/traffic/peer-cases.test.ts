import { describe, expect, it } from 'vitest';
import type { RoutesAsked } from '../../src/rollout/target.ts';
import { chooseObject } from '../../src/traffic/choose-object.ts';
import { splitIn } from '../../src/traffic/split.ts';
import type { VirtualService } from '../../src/traffic/virtual-service.ts';
import {
  accepted,
  applyPatch,
  byHost,
  bySubset,
  clusterDomain,
  destination,
  faultIn,
  hostDestination,
  patchOf,
  virtualServiceWith,
} from './objects.ts';

/*
 * What Argo Rollouts (A) and Flagger (F) do with a VirtualService, case by case, and what canaryd does with the same
 * object. Elsewhere: A15, A16, A22, A26 to A28, A38, A39 and F1 (calls) in peer-calls.test.ts; A29 to A37 (managed
 * routes) and F5 (mirror) in managed-peer-cases.test.ts; A40 to A42, F6 to F10 and F22 to F28 (pods, steps, cookies) in
 * peer-runs.test.ts.
 */

type Json = Record<string, unknown>;
const split = (stable: number, canary: number, ...others: Json[]) => [
  destination('v1', stable),
  destination('v2', canary),
  ...others,
];
const rest = () => split(100, 0);
const asked = { stable: { subset: 'v1' }, canary: { subset: 'v2' } };
const arms = { stable: bySubset.arm('v1'), canary: bySubset.arm('v2') };
const write = { rolloutId: 'ro_1', epoch: 1, end: false };

/** The two routes, primary and secondary, with which the peers are tested. */
const primaryAndSecondary = [
  { name: 'primary', route: rest() },
  { name: 'secondary', route: rest() },
];

function objectOf(spec: Json): VirtualService {
  const object = virtualServiceWith(undefined);
  return { ...object, spec: { ...object.spec, ...spec } };
}

/** The spec after one write of a share to the routes that are asked for. */
function specAt(spec: Json, routes: RoutesAsked, share: number, end = false): Json {
  const object = objectOf(spec);
  const { routes: moved } = accepted(chooseObject(object, routes, asked, clusterDomain)).object;
  return applyPatch(object, patchOf(object, { ...arms, routes: moved }, { ...write, share, end })).spec;
}

function refusalOf(spec: Json, routes: RoutesAsked) {
  return faultIn(chooseObject(objectOf(spec), routes, asked, clusterDomain));
}

describe('choosing the routes, as Argo does', () => {
  const [primary, secondary] = primaryAndSecondary;
  const tls = [{ match: [{ port: 3000, sniHosts: ['a.bank'] }], route: rest() }];

  it('A1: the named route moves, the other one stays', () => {
    expect(specAt({ http: primaryAndSecondary }, { routes: ['primary'] }, 10)).toMatchObject({
      http: [{ name: 'primary', route: split(90, 10) }, secondary],
    });
  });

  it('A2: where an http route is named, a tls route beside it stays', () => {
    expect(specAt({ http: primaryAndSecondary, tls }, { routes: ['primary'] }, 10)).toMatchObject({
      http: [{ route: split(90, 10) }, secondary],
      tls,
    });
  });

  it('A2, beyond it: a tls route that nobody understands is no obstacle; Argo validates it and fails', () => {
    const foreign = [{ match: [{ port: 443, sniHosts: ['x.bank'] }], route: [hostDestination('x')] }];
    expect(specAt({ http: [primary], tls: foreign }, { route: 'primary' }, 10)['tls']).toEqual(foreign);
    expect(specAt({ http: [primary], tls: foreign }, {}, 10)['tls']).toEqual(foreign);
  });

  it('A3: the only http route needs no name, neither in the object nor in the target', () => {
    expect(specAt({ http: [{ route: rest() }] }, {}, 10)).toMatchObject({ http: [{ route: split(90, 10) }] });
  });

  const tcp = [{ match: [{ port: 3000 }], route: rest() }];

  it.each([
    ['tls', { tls }],
    ['tcp', { tcp }],
    ['http, tls and tcp', { http: [{ route: rest() }], tls, tcp }],
  ])('A4: one route of each protocol moves by itself: %s', (_name, spec) => {
    const moved = Object.keys(spec).map((protocol) => [protocol, [{ route: split(90, 10) }]]);
    expect(specAt(spec, {}, 10)).toMatchObject(Object.fromEntries(moved));
  });

  it('A5: several named http routes and no choice are refused', () => {
    const fault = refusalOf({ http: primaryAndSecondary }, {});
    expect(fault).toMatchObject({ code: 'route-ambiguous', path: 'spec.http[1].name' });
    expect(fault.message).toContain('must name one of them: primary, secondary');
  });

  it.each([
    ['tls', [tls[0], { match: [{ port: 3001, sniHosts: ['a.bank'] }], route: rest() }]],
    ['tcp', [3000, 3001].map((port) => ({ match: [{ port }], route: rest() }))],
  ])('A6: several %s routes and no choice are refused', (protocol, list) => {
    expect(refusalOf({ [protocol]: list }, {})).toMatchObject({
      code: 'route-ambiguous',
      path: `spec.${protocol}[1]`,
      message: expect.stringContaining(`target.${protocol}`),
    });
  });

  it('A7: a route that is not there is refused, with those that are', () => {
    expect(refusalOf({ http: primaryAndSecondary }, { routes: ['not-found'] })).toMatchObject({
      code: 'route-not-found',
      path: 'spec.http',
      message: 'no http route is named "not-found"; there are: primary, secondary',
    });
  });

  it.each<['tls' | 'tcp', string]>([
    ['tls', 'tls:3000/a.bank'],
    ['tcp', 'tcp:3000'],
  ])('A8: a %s port that is not there is refused, with those that are', (protocol, there) => {
    expect(refusalOf({ tls, tcp }, { [protocol]: [{ port: 1001 }] })).toMatchObject({
      code: 'route-not-found',
      path: `spec.${protocol}`,
      message: `no ${protocol} route matches the port 1001; there are: ${there}`,
    });
  });

  const byPort = (port: number) => ({ match: [{ port, sniHosts: ['a.bank'] }], route: rest() });

  it('A9: the tls route of the port moves, that of another port stays', () => {
    expect(specAt({ tls: [byPort(3000), byPort(3001)] }, { tls: [{ port: 3000 }] }, 30)).toMatchObject({
      tls: [{ route: split(70, 30) }, byPort(3001)],
    });
  });

  it('A10: a tls route is found by exactly its SNI hosts, in any order and from all its blocks', () => {
    const match = [{ sniHosts: ['foo.bar.com', 'bar.foo.com'] }, { sniHosts: ['localhost'] }];
    const other = { match: [{ port: 3001, sniHosts: ['localhost'] }], route: rest() };
    const sniHosts = ['localhost', 'bar.foo.com', 'foo.bar.com'];
    expect(specAt({ tls: [{ match, route: rest() }, other] }, { tls: [{ sniHosts }] }, 30)).toMatchObject({
      tls: [{ match, route: split(70, 30) }, other],
    });
  });

  it('A12: the tcp route of the port moves, that of another port stays', () => {
    const both = [3000, 3001].map((port) => ({ match: [{ port }], route: rest() }));
    expect(specAt({ tcp: both }, { tcp: [{ port: 3000 }] }, 30)).toMatchObject({
      tcp: [{ route: split(70, 30) }, both[1]],
    });
  });

  it('A13: of http, tls and tcp exactly the three that are named move', () => {
    const both = [3000, 3001].map((port) => ({ match: [{ port }], route: rest() }));
    const spec = { http: primaryAndSecondary, tls: [byPort(3000), byPort(3001)], tcp: both };
    const routes = { routes: ['primary'], tls: [{ port: 3000 }], tcp: [{ port: 3000 }] };
    expect(specAt(spec, routes, 20)).toMatchObject({
      http: [{ route: split(80, 20) }, secondary],
      tls: [{ route: split(80, 20) }, byPort(3001)],
      tcp: [{ route: split(80, 20) }, both[1]],
    });
  });

  it('A47: one managed and one named route, and no choice: the named one moves; Argo does nothing and says 20', () => {
    const header = { name: 'canaryd-preview', match: [{ headers: {} }], route: [destination('v2')] };
    expect(specAt({ http: [header, primary] }, {}, 20)).toMatchObject({
      http: [header, { name: 'primary', route: split(80, 20) }],
    });
  });

  it('A47, beyond it: one route without a name among named ones is meant when none is named', () => {
    expect(specAt({ http: [secondary, { route: rest() }] }, {}, 20)).toMatchObject({
      http: [secondary, { route: split(80, 20) }],
    });
  });

  it('A53: a route that only redirects stays where it stands, before the one that moves', () => {
    const redirect = { name: 'old', match: [{ uri: { prefix: '/old' } }], redirect: { uri: '/' } };
    expect(specAt({ http: [redirect, primary] }, { routes: ['primary'] }, 10)).toMatchObject({
      http: [redirect, { route: split(90, 10) }],
    });
    // Nobody has to name the other one: a redirect has no weights to move.
    expect(specAt({ http: [redirect, primary] }, {}, 10)).toMatchObject({
      http: [redirect, { route: split(90, 10) }],
    });
  });
});

describe('writing the weights, as Argo does', () => {
  it('A14: two hosts take turns: the one that has all traffic is stable, whatever it is called', () => {
    const object = objectOf({
      http: [{ route: [hostDestination('payment-v1', 0), hostDestination('payment-v2', 100)] }],
    });
    const found = accepted(chooseObject(object, {}, {}, clusterDomain));
    const moved = { stable: byHost.arm('v2'), canary: byHost.arm('v1'), routes: found.object.routes };
    expect(found.roles).toMatchObject({ stable: { host: byHost.arm('v2').host } });
    expect(applyPatch(object, patchOf(object, moved, { ...write, share: 20 })).spec.http).toMatchObject([
      { route: [{ weight: 20 }, { weight: 80 }] },
    ]);
  });

  it('A17 to A19: a third destination is never put there and never removed; experiments are none of our business', () => {
    const route = split(80, 0, destination('exp1', 10), destination('exp2', 10));
    expect(specAt({ http: [{ route }] }, {}, 25)['http']).toMatchObject([
      { route: split(60, 20, destination('exp1', 10), destination('exp2', 10)) },
    ]);
  });

  it('A20: a third subset with 20 of 120 keeps its sixth; Argo gives it 20 of 100 and takes the rest from stable', () => {
    const other = { destination: { host: 'additional-service', subset: 'stable-subset' }, weight: 20 };
    const [http] = [specAt({ http: [{ route: split(100, 0, other) }] }, {}, 10)['http']];
    expect(http).toEqual([{ route: split(90, 10, other) }]);
  });

  it.each([
    ['a text in place of the routes', { http: 'all' }, 'spec.http'],
    ['a route without a list', { http: [{ route: 'v1' }] }, 'spec.http[0].route'],
    [
      'a weight that is text',
      { http: [{ route: [{ ...destination('v1'), weight: '9' }] }] },
      'spec.http[0].route[0].weight',
    ],
  ])('A21: %s is refused with its path, and nothing is written', (_name, spec, path) => {
    expect(refusalOf(spec, {})).toMatchObject({ code: 'unsupported-shape', path });
  });

  it('A23: hosts are compared whole: payment.other is another service; Argo compares the first label', () => {
    const route = [
      { destination: { host: 'payment.other', subset: 'v1' }, weight: 100 },
      { destination: { host: 'payment', subset: 'v1' }, weight: 0 },
      { destination: { host: 'payment.shop', subset: 'v2' }, weight: 0 },
    ];
    const [stable, canary] = [{ host: 'payment.other.svc.cluster.local' }, { subset: 'v2' }];
    const object = objectOf({ http: [{ route }] });
    const found = accepted(chooseObject(object, {}, { stable, canary }, clusterDomain));
    expect(found.roles).toMatchObject({
      stable: { host: 'payment.other.svc.cluster.local', subset: 'v1' },
      canary: { host: 'payment.shop.svc.cluster.local', subset: 'v2' },
    });
  });

  it.each([
    ['A24', 'stable host', { stable: { host: 'not-found.shop.svc.cluster.local' } }, 'the host not-found'],
    ['A25', 'canary host', { canary: { host: 'not-found.shop.svc.cluster.local' } }, 'the host not-found'],
    ['A25', 'canary subset', { canary: { subset: 'not-found' } }, 'the subset not-found'],
    ['A25', 'stable subset', { stable: { subset: 'not-found' } }, 'the subset not-found'],
  ])('%s: a route without the %s that is asked for is refused', (_id, _what, selected, words) => {
    const fault = faultIn(chooseObject(objectOf({ http: [{ route: rest() }] }), {}, selected, clusterDomain));
    expect(fault).toMatchObject({ code: 'destination-not-in-route', path: 'spec.http[0].route' });
    expect(fault.message).toContain(words);
  });

  it('A43: a third destination with 25 keeps its quarter, and its number is back at the end; Argo deletes it', () => {
    const other = destination('other', 25);
    const http = [{ route: split(75, 0, other) }];
    expect(specAt({ http }, {}, 10)['http']).toEqual([{ route: split(135, 15, destination('other', 50)) }]);
    expect(specAt({ http }, {}, 0, true)['http']).toEqual(http);
    expect(specAt({ http }, {}, 100, true)['http']).toEqual([{ route: split(0, 75, other) }]);
  });
});

describe('editing, as Flagger does', () => {
  it.each([
    ['F2', 'a host that somebody adds', { hosts: ['payment', 'test.example.com'] }],
    ['F3', 'a gateway that somebody adds', { gateways: ['istio-system/test-gateway'] }],
  ])('%s: %s stays; Flagger writes the whole object anew', (_id, _what, more) => {
    expect(specAt({ http: [{ route: rest() }], ...more }, {}, 40)).toEqual({
      hosts: ['payment'],
      ...more,
      http: [{ route: split(60, 40) }],
    });
  });

  it('F4: 40 is 60 and 40, and no mirror comes with it', () => {
    expect(specAt({ http: [{ route: rest() }] }, {}, 40)['http']).toEqual([{ route: split(60, 40) }]);
  });

  it('F11: weights are read from the object, and what somebody adds beside them is no weight', () => {
    const object = objectOf({ http: [{ route: rest(), mirror: { host: 'payment', subset: 'v2' } }] });
    const key = { kind: 'http' as const, name: '' };
    const moved = { ...arms, routes: [{ key, original: { stable: 100, canary: 0, others: [] } }] };
    expect(accepted(splitIn(object, moved, clusterDomain))).toMatchObject({ canaryShare: 0, foreign: null });
  });

  it('F11, beyond it: weights of 0 everywhere are mended by the next write; Flagger stands still with a warning', () => {
    const object = objectOf({ http: [{ route: split(0, 0) }] });
    const key = { kind: 'http' as const, name: '' };
    const moved = { ...arms, routes: [{ key, original: { stable: 100, canary: 0, others: [] } }] };
    const after = applyPatch(object, patchOf(object, moved, { ...write, share: 0 }));
    expect(after.spec.http).toEqual([{ route: rest() }]);
  });

  it('F12, F14: headers, CORS and ports of the route are those that stand there', () => {
    const more = {
      headers: { request: { add: { 'x-a': '1' } } },
      corsPolicy: { allowOrigins: [{ exact: 'https://a.bank' }] },
    };
    const withPort = (subset: string, weight: number) => ({
      destination: { host: 'payment', subset, port: { number: 8443 } },
      weight,
    });
    const route = [withPort('v1', 100), withPort('v2', 0)];
    expect(specAt({ http: [{ ...more, route }] }, {}, 40)['http']).toEqual([
      { ...more, route: [withPort('v1', 60), withPort('v2', 40)] },
    ]);
  });

  it('F13: a route with a match moves alone, the one behind it stays', () => {
    const match = [{ headers: { cookie: { regex: '.*insider.*' } } }];
    const http = [
      { name: 'insiders', match, route: rest() },
      { name: 'all', route: [destination('v1', 100)] },
    ];
    expect(specAt({ http }, { route: 'insiders' }, 100)['http']).toEqual([
      { name: 'insiders', match, route: split(0, 100) },
      http[1],
    ]);
  });

  it.each([
    ['F15', 'hosts and gateways, as one that another delegates to', { hosts: [], gateways: [] }],
    [
      'F16, ours',
      'gateways and no hosts, which is for Istio to refuse',
      { hosts: [], gateways: ['edge/bank'] },
    ],
  ])('%s: an object with %s keeps them as they are and moves', (_id, _what, fields) => {
    expect(specAt({ ...fields, http: [{ route: rest() }] }, {}, 10)).toEqual({
      ...fields,
      http: [{ route: split(90, 10) }],
    });
  });

  it('F18, F19: the end gives back the numbers of before by itself; Flagger needs revertOnDeletion and an annotation', () => {
    const http = [{ route: [destination('v1', 3), destination('v2')] }];
    expect(specAt({ http }, {}, 0, true)['http']).toEqual(http);
  });

  it('F20: a match is never rewritten', () => {
    const match = [
      { uri: { prefix: '/a' }, headers: { 'x-a': { exact: '1' } } },
      { method: { exact: 'PUT' } },
    ];
    expect(specAt({ http: [{ match, route: rest() }] }, {}, 5)['http']).toEqual([
      { match, route: split(95, 5) },
    ]);
  });

  it('F21: a tcp route is read and written like any other', () => {
    expect(specAt({ tcp: [{ route: rest() }] }, {}, 40)['tcp']).toEqual([{ route: split(60, 40) }]);
  });

  it('F32: a second http route that somebody adds in between stays; Flagger erases it', () => {
    const object = objectOf({ http: [{ route: rest() }] });
    const { routes } = accepted(chooseObject(object, {}, asked, clusterDomain)).object;
    const added = { name: 'added', match: [{ uri: { exact: '/new' } }], route: [hostDestination('new', 1)] };
    const edited = objectOf({ http: [added, { route: rest() }] });
    const after = applyPatch(edited, patchOf(edited, { ...arms, routes }, { ...write, share: 10 }));
    expect(after.spec.http).toEqual([added, { route: split(90, 10) }]);
  });
});
