import { describe, expect, it } from 'vitest';
import type { OtherRoutes } from '../../src/rollout/ports/other-routes.ts';
import { type Behind, type CanaryArm, otherRoutesOf, servicesToAsk } from '../../src/traffic/other-routes.ts';
import { VirtualService } from '../../src/traffic/virtual-service.ts';
import { waysIn } from '../../src/traffic/ways.ts';

const clusterDomain = 'cluster.local';
const host = 'payment.shop.svc.cluster.local';
const canary: CanaryArm = {
  host,
  subset: 'v2',
  service: { name: 'payment', namespace: 'shop' },
  podLabels: { app: 'payment', version: 'v2' },
};
const all: Behind = {
  pods: [{ app: 'payment', version: 'v2', track: 'new', 'pod-template-hash': 'abc' }],
  selectors: new Map(),
  subsets: new Map([
    [
      host,
      new Map([
        ['v1', { version: 'v1' }],
        ['v2', { version: 'v2' }],
        ['new', { track: 'new' }],
      ]),
    ],
  ]),
};

/** An object of the namespace `shop`, for the host of the canary's service unless the spec says otherwise. */
function object(name: string, spec: Record<string, unknown>, namespace = 'shop'): VirtualService {
  return VirtualService.parse({
    metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: '1' },
    spec: { hosts: ['payment'], ...spec },
  });
}

/** A destination in the way it is written in the namespace `shop`. */
const to = (subset: string | null, weight?: number, of = 'payment') => ({
  destination: { host: of, ...(subset === null ? {} : { subset }) },
  ...(weight === undefined ? {} : { weight }),
});

/** The object whose weights are moved, at rest. */
const moved = object('payment', { http: [{ name: 'primary', route: [to('v1', 100), to('v2', 0)] }] });

function found(
  objects: VirtualService[],
  { arm = canary, behind = all, isComplete = true } = {},
): OtherRoutes {
  const ways = objects.map((one) => waysIn(one, clusterDomain));
  const unknown = isComplete ? [] : [{ namespace: null, why: 'forbidden' }];
  return otherRoutesOf(ways, arm, behind, { unknown, isComplete });
}

const matches = (objects: VirtualService[], more = {}) =>
  found(objects, more).routes.map(({ match }) => match);

describe('what sends requests to the canary at rest', () => {
  it('is nothing when only the moved route names it', () => {
    expect(found([moved])).toEqual({ routes: [], more: 0, direct: null, unknown: [] });
  });

  it('is another route of the same object, with its match in words', () => {
    const debug = { name: 'debug', match: [{ headers: { 'x-debug': { exact: 'on' } } }], route: [to('v2')] };
    const primary = { name: 'primary', route: [to('v1', 100), to('v2', 0)] };
    expect(found([object('payment', { http: [debug, primary] })]).routes).toEqual([
      {
        namespace: 'shop',
        virtualService: 'payment',
        route: 'debug',
        path: 'spec.http[0].route[0]',
        match: 'header x-debug is "on"',
        kind: 'route',
        share: 100,
      },
    ]);
  });

  it('is a route of another namespace, by the full name of the host', () => {
    const far = object(
      'tester',
      { hosts: ['tester'], http: [{ route: [to('v2', 1, 'payment.shop')] }] },
      'qa',
    );
    expect(found([moved, far]).routes).toMatchObject([
      { namespace: 'qa', virtualService: 'tester', route: null, match: 'every request' },
    ]);
  });

  it('is no route of another service that bears the same name elsewhere', () => {
    expect(found([moved, object('payment', { http: [{ route: [to('v2')] }] }, 'qa')]).routes).toEqual([]);
  });

  it('has the share of the requests that match, by relative weights', () => {
    const beta = { name: 'beta', route: [to('v1', 3), to('v2', 1)] };
    const trace = { name: 'trace', route: [to('v1', 99_999), to('v2', 1)] };
    const shares = found([object('beta', { http: [beta, trace] })]).routes.map(({ share }) => share);
    expect(shares).toEqual([25, 0.01]);
  });

  it('is a mirror, with its percentage', () => {
    const http = [
      { name: 'a', route: [to('v1')], mirror: { host: 'payment', subset: 'v2' } },
      {
        name: 'b',
        route: [to('v1')],
        mirror: { host: 'payment', subset: 'v2' },
        mirrorPercentage: { value: 5 },
      },
      {
        name: 'c',
        route: [to('v1')],
        mirror: { host: 'payment', subset: 'v2' },
        mirrorPercentage: { value: 0 },
      },
      {
        name: 'd',
        route: [to('v1')],
        mirrors: [
          { destination: { host: 'payment', subset: 'v1' } },
          { destination: { host: 'payment', subset: 'v2' }, percentage: { value: 10 } },
        ],
      },
    ];
    const routes = found([object('copies', { http })]).routes;
    expect(routes.map(({ route, kind, share, path }) => [route, kind, share, path])).toEqual([
      ['a', 'mirror', 100, 'spec.http[0].mirror'],
      ['b', 'mirror', 5, 'spec.http[1].mirror'],
      ['d', 'mirror', 10, 'spec.http[3].mirrors[1]'],
    ]);
  });

  it('is a tls or a tcp route', () => {
    const tls = [{ match: [{ port: 443, sniHosts: ['pay.bank', '*.pay.bank'] }], route: [to('v2')] }];
    const tcp = [
      { match: [{ port: 9000, sourceLabels: { app: 'till' } }], route: [to('v1', 50), to('v2', 50)] },
    ];
    const routes = found([object('wires', { tls, tcp })]).routes;
    expect(routes.map(({ path, match, share }) => [path, match, share])).toEqual([
      ['spec.tcp[0].route[1]', 'port 9000 and callers with app=till', 50],
      ['spec.tls[0].route[0]', 'port 443 and SNI pay.bank or *.pay.bank', 100],
    ]);
  });

  it('is a destination without a subset, which is every pod of the service', () => {
    expect(matches([object('plain', { http: [{ route: [to(null)] }] })])).toEqual([
      "every request; to all pods of payment, the canary's among them",
    ]);
  });

  it('is another subset whose labels the pods of the canary bear', () => {
    const http = [{ route: [to('new')] }, { route: [to('v1')] }, { route: [to('nowhere')] }];
    expect(matches([object('plain', { http })])).toEqual([
      'every request; to the subset "new" of payment, which selects the canary\'s pods too',
    ]);
  });

  it('is another service that selects the pods of the canary', () => {
    const http = [{ route: [to(null, 1, 'everything')] }, { route: [to(null, 1, 'others')] }];
    const objects = [object('plain', { http })];
    expect(
      servicesToAsk(
        objects.map((one) => waysIn(one, clusterDomain)),
        canary,
        clusterDomain,
      ),
    ).toEqual([
      { name: 'everything', namespace: 'shop' },
      { name: 'others', namespace: 'shop' },
    ]);
    const selectors = new Map([
      ['everything.shop.svc.cluster.local', { app: 'payment' }],
      ['others.shop.svc.cluster.local', { app: 'ledger' }],
    ]);
    expect(matches(objects, { behind: { ...all, selectors } })).toEqual([
      "every request; to everything, which selects the canary's pods too",
    ]);
  });

  it('is for a canary with a host of its own each subset of it', () => {
    const arm = { ...canary, subset: null, podLabels: { app: 'payment' } };
    expect(matches([object('plain', { http: [{ route: [to('v9')] }] })], { arm })).toEqual([
      'every request; to the subset "v9" of the canary',
    ]);
  });
});

describe('the way by which requests come', () => {
  const route = [{ route: [to('v2')] }];

  it('names the gateways when it is not the mesh alone', () => {
    expect(matches([object('a', { http: route, gateways: ['mesh'] })])).toEqual(['every request']);
    expect(matches([object('a', { http: route, gateways: ['bank/edge'] })])).toEqual([
      'every request; only through gateway bank/edge',
    ]);
    expect(matches([object('a', { http: route, gateways: ['mesh', 'bank/edge'] })])).toEqual([
      'every request; in the mesh and through gateway bank/edge',
    ]);
  });

  it('names the namespaces for which the object counts', () => {
    expect(matches([object('a', { http: route, exportTo: ['.', 'qa'] })])).toEqual([
      'every request; for callers in shop, qa only',
    ]);
    expect(matches([object('a', { http: route, exportTo: ['*'] })])).toEqual(['every request']);
  });

  it('names the route that delegates to an object without hosts', () => {
    const root = object(
      'root',
      {
        hosts: ['pay.bank'],
        gateways: ['bank/edge'],
        http: [
          {
            name: 'pay',
            match: [{ uri: { prefix: '/pay' } }],
            delegate: { name: 'part', namespace: 'shop' },
          },
        ],
      },
      'edge',
    );
    const part = object('part', { hosts: undefined, http: route });
    expect(matches([root, part])).toEqual([
      'every request; delegated by edge/root pay (uri begins with "/pay"; only through gateway bank/edge)',
    ]);
  });

  it('does not exist for an object without hosts that nobody delegates to', () => {
    const part = object('part', { hosts: [], http: route });
    expect(matches([part])).toEqual([]);
    expect(matches([part], { isComplete: false })).toEqual([
      'every request; no VirtualService that could be read delegates to it',
    ]);
  });

  it('goes past all routes when none has the host of the service for everybody in the mesh', () => {
    const direct = (...objects: VirtualService[]) => found(objects).direct;
    const past =
      "no VirtualService gives payment.shop.svc.cluster.local a route for all callers in the mesh: who calls it by its name reaches all pods of payment, the canary's among them";
    expect(direct(object('edge', { gateways: ['bank/edge'], http: route }))).toBe(past);
    expect(direct(object('own', { exportTo: ['.'], http: route }))).toBe(past);
    expect(direct(moved)).toBeNull();
    expect(direct(object('wide', { hosts: ['*.shop.svc.cluster.local'] }, 'edge'))).toBeNull();
  });
});

describe('what is not known', () => {
  it('is never an empty list', () => {
    expect(found([moved], { isComplete: false }).unknown).toEqual([{ namespace: null, why: 'forbidden' }]);
  });

  it('is a route in a form that is not understood, by its path', () => {
    expect(found([moved, object('odd', { http: [{ route: 'everywhere' }] })]).unknown).toEqual([
      { namespace: 'shop', why: 'spec.http[0] of VirtualService odd has a form that is not understood' },
    ]);
  });

  it('is what a service or a subset selects that could not be read', () => {
    const http = [{ route: [to('other')] }, { route: [to(null, 1, 'everything')] }];
    const selectors = new Map([['everything.shop.svc.cluster.local', null]]);
    const { unknown, routes } = found([object('a', { http })], {
      behind: { ...all, selectors, subsets: null },
    });
    expect(routes).toEqual([]);
    expect(unknown.map(({ why }) => why)).toEqual([
      'the service everything.shop.svc.cluster.local could not be read',
      'the DestinationRules could not be read, which say what other subsets select',
    ]);
  });

  it('counts what is not listed', () => {
    const http = Array.from({ length: 60 }, () => ({ route: [to('v2')] }));
    const { routes, more } = found([object('many', { http })]);
    expect([routes.length, more]).toEqual([50, 10]);
  });
});

describe('a match in words', () => {
  const words = (match: unknown) => matches([object('a', { http: [{ match, route: [to('v2')] }] })])[0];

  it.each([
    [undefined, 'every request'],
    [[], 'every request'],
    [[{}], 'every request'],
    [[{ uri: { prefix: '/beta' } }], 'uri begins with "/beta"'],
    [[{ uri: { exact: '/' }, method: { exact: 'GET' } }], 'uri is "/" and method is "GET"'],
    [[{ headers: { 'x-a': {} } }], 'header x-a is present'],
    [[{ headers: { cookie: { regex: '.*canary=1.*' } } }], 'header cookie matches ".*canary=1.*"'],
    [[{ withoutHeaders: { 'x-bot': { exact: '1' } } }], 'not header x-bot is "1"'],
    [[{ queryParams: { debug: { exact: '1' } } }], 'query parameter debug is "1"'],
    [[{ port: 8080 }, { sourceNamespace: 'qa' }], 'port 8080, or callers in namespace qa'],
    [[{ name: 'n', ignoreUriCase: true, gateways: ['mesh'] }], 'through gateway mesh'],
    [[{ phase: 'full' }], 'phase as written there'],
    [[{ headers: { 'x-a': { exact: 'a"\u0007' } } }], 'header x-a is "a\\"\\u0007"'],
  ])('says %j', (match, said) => {
    expect(words(match)).toBe(said);
  });

  it('stays short, whatever stands there', () => {
    const block = { uri: { exact: 'x'.repeat(5000) } };
    expect(words(Array.from({ length: 100 }, () => block))?.length).toBeLessThan(320);
  });
});
