import { describe, expect, it } from 'vitest';
import type { RoutesAsked } from '../../src/rollout/target.ts';
import { chooseRoutes, findRoutes } from '../../src/traffic/find-routes.ts';
import {
  accepted,
  clusterDomain,
  destination,
  faultIn,
  host,
  routeOf,
  virtualServiceWith,
  withRoute,
} from './objects.ts';

const route = [destination('v1', 100), destination('v2', 0)];

function faultOf(object: ReturnType<typeof withRoute>, asked: RoutesAsked = {}) {
  return faultIn(chooseRoutes(object, asked, clusterDomain));
}

describe('finding the route', () => {
  const several = virtualServiceWith([{ name: 'primary', route }, { route }, { name: 'beta', route }]);

  it('takes the only route when none is named, and says its name', () => {
    expect(routeOf(withRoute(route))).toMatchObject({
      key: { kind: 'http', name: 'primary' },
      at: ['spec', 'http', 0],
    });
  });

  it('takes the route of the given name', () => {
    expect(routeOf(several, { route: 'beta' })).toMatchObject({
      key: { kind: 'http', name: 'beta' },
      at: ['spec', 'http', 2],
    });
  });

  it('refuses an unknown name and lists the names there are', () => {
    const fault = faultOf(several, { route: 'gamma' });
    expect(fault).toMatchObject({ code: 'route-not-found', path: 'spec.http' });
    expect(fault.message).toContain('primary, spec.http[1] (no name), beta');
  });

  it('refuses to guess among several routes and names them', () => {
    const named = virtualServiceWith([
      { name: 'primary', route },
      { name: 'beta', route },
    ]);
    const fault = faultOf(named);
    expect(fault).toMatchObject({ code: 'route-ambiguous', path: 'spec.http[1].name' });
    expect(fault.message).toContain('primary, beta');
  });

  it('refuses a name that two routes share', () => {
    const twins = virtualServiceWith([
      { name: 'a', route },
      { name: 'a', route },
    ]);
    expect(faultOf(twins, { route: 'a' })).toMatchObject({
      code: 'route-ambiguous',
      path: 'spec.http[1].name',
    });
  });

  it('does not mind what it does not understand in other routes', () => {
    const beside = virtualServiceWith([
      { name: 'old', redirect: { uri: '/' } },
      { name: 'primary', route },
    ]);
    expect(routeOf(beside, { route: 'primary' }).at).toEqual(['spec', 'http', 1]);
  });
});

describe('several routes without a name', () => {
  it('are refused with the place that a name belongs to', () => {
    const fault = faultOf(virtualServiceWith([{ name: 'a', route }, { route }, { route }]));
    expect(fault.path).toBe('spec.http[2].name');
    expect(fault.message).toBe(
      'several http routes have no name: give spec.http[2] a name, and name the route that is to be moved in target.route (there are: a)',
    );
  });

  it.each([
    ['redirects', { redirect: { uri: '/new' } }],
    ['answers by itself', { directResponse: { status: 503 } }],
    ['delegates', { delegate: { name: 'other' } }],
  ])('are none beside one that %s: the route that can be moved is chosen', (_what, more) => {
    for (const first of [more, { name: 'old', ...more }]) {
      expect(routeOf(virtualServiceWith([first, { route }])).at).toEqual(['spec', 'http', 1]);
      expect(routeOf(virtualServiceWith([first, { name: 'primary', route }])).key).toEqual({
        kind: 'http',
        name: 'primary',
      });
      const moved = [{ key: { kind: 'http' as const, name: '' } }];
      const again = accepted(findRoutes(virtualServiceWith([first, { route }]), moved, clusterDomain));
      expect(again[0]?.at).toEqual(['spec', 'http', 1]);
    }
  });

  it('say why nothing can be moved where all of them redirect', () => {
    const redirect = { redirect: { uri: '/new' } };
    expect(faultOf(virtualServiceWith([redirect])).message).toContain('answers with a redirect');
  });
});

describe('a field of null, as templates write it', () => {
  it.each(['mirror', 'mirrors', 'redirect', 'directResponse', 'delegate'])('is absent: %s', (field) => {
    const [read, plain] = [withRoute(route, { [field]: null }), withRoute(route)].map((one) => routeOf(one));
    expect(read).toEqual(plain);
  });
});

describe('a request that names routes', () => {
  it.each<[RoutesAsked, (string | number)[]]>([
    [{ route: 'x' }, ['route']],
    [{ routes: ['primary', 'x'] }, ['routes', 1]],
    [{ route: 'primary', tls: [{ port: 1 }] }, ['tls', 0]],
    [{ route: 'primary', tcp: [{ port: 1 }] }, ['tcp', 0]],
  ])('is told where it names one that is not there: %j', (asked, place) => {
    expect(faultOf(withRoute(route), asked)).toMatchObject({ code: 'route-not-found', asked: place });
  });
});

describe('routes that nobody names', () => {
  const at = (object: ReturnType<typeof withRoute>, asked: RoutesAsked = {}) =>
    accepted(chooseRoutes(object, asked, clusterDomain)).map(
      (one) => `${one.at.slice(1).join('/')}${one.isBeside ? ' beside' : ''}`,
    );
  const managed = { name: 'canaryd-preview', route: [destination('v2')] };

  it.each([
    ['the only one of others than canaryd', [managed, { name: 'a', route }, managed], ['http/1']],
    ['the only one without a name', [{ name: 'a', route }, managed, { route }], ['http/2']],
  ])('are http routes: %s', (_name, http, expected) => {
    expect(at(virtualServiceWith(http))).toEqual(expected);
  });

  it('are tls and tcp routes beside it, and are told apart as such', () => {
    const object = virtualServiceWith([{ route }]);
    const spec = { ...object.spec, tls: [{ route }, { match: 'not a list' }], tcp: [{ route }, { route }] };
    expect(at({ ...object, spec })).toEqual(['http/0', 'tcp/0 beside', 'tcp/1 beside']);
  });

  it.each([
    [
      'two without a name',
      [{ route }, { name: 'a', route }, { route }],
      'route-ambiguous',
      'spec.http[2].name',
    ],
    ['none but those of canaryd', [managed], 'route-not-found', 'spec.http'],
  ])('are refused: %s', (_name, http, code, path) => {
    expect(faultOf(virtualServiceWith(http))).toMatchObject({ code, path });
  });

  it('never are those of canaryd, even by name', () => {
    const fault = faultOf(virtualServiceWith([managed, { name: 'a', route }]), { route: 'canaryd-preview' });
    expect(fault).toMatchObject({ code: 'route-ambiguous', path: 'spec.http[0].name' });
    expect(fault.message).toContain('which canaryd puts there and takes away: name one of these: a');
  });
});

describe('tls and tcp routes by what they match', () => {
  const sni = (port: number, ...sniHosts: string[]) => ({ match: [{ port, sniHosts }], route });
  const port = (...ports: number[]) => ({ match: ports.map((one) => ({ port: one })), route });
  const object = virtualServiceWith(undefined);
  const spec = {
    tls: [sni(443, 'a.bank'), sni(443, 'b.bank', 'C.bank'), sni(8443, 'a.bank')],
    tcp: [port(3000, 3001), port(3002), { route }],
  };
  const both = { ...object, spec: { ...object.spec, ...spec } };

  it.each<[string, RoutesAsked, string]>([
    ['SNI hosts, whatever their order and case', { tls: [{ sniHosts: ['c.bank', 'B.bank'] }] }, 'spec/tls/1'],
    ['port and SNI hosts', { tls: [{ port: 443, sniHosts: ['a.bank'] }] }, 'spec/tls/0'],
    ['a port that no other has', { tls: [{ port: 8443 }] }, 'spec/tls/2'],
    ['one of its ports', { tcp: [{ port: 3001 }] }, 'spec/tcp/0'],
  ])('are found by %s', (_name, asked, expected) => {
    expect(routeOf(both, asked).at.join('/')).toBe(expected);
  });

  it.each<[string, RoutesAsked, string, string]>([
    ['a port that two have', { tls: [{ port: 443 }] }, 'route-ambiguous', 'name one by port and SNI hosts'],
    ['SNI hosts that two have', { tls: [{ sniHosts: ['a.bank'] }] }, 'route-ambiguous', 'in target.tls'],
    [
      'a part of its SNI hosts',
      { tls: [{ sniHosts: ['b.bank'] }] },
      'route-not-found',
      'exactly the SNI hosts b.bank',
    ],
    ['a port of nobody', { tcp: [{ port: 1 }] }, 'route-not-found', 'there are: tcp:3000, tcp:3002, tcp'],
  ])('are refused for %s', (_name, asked, code, words) => {
    const fault = faultOf(both, asked);
    expect([fault.code, fault.message]).toEqual([code, expect.stringContaining(words)]);
  });

  it('are one route when two names mean the same', () => {
    const tls = [{ port: 8443 }, { port: 8443, sniHosts: ['a.bank'] }];
    expect(accepted(chooseRoutes(both, { tls }, clusterDomain))).toHaveLength(1);
  });
});

describe('the routes of a running rollout', () => {
  const keys = [
    { key: { kind: 'http' as const, name: 'a' } },
    { key: { kind: 'tls' as const, port: 443, sniHosts: ['a.bank'] } },
    { key: { kind: 'tcp' as const, port: null } },
  ];
  const a = { name: 'a', route };
  const tls = { match: [{ sniHosts: ['a.bank'], port: 443 }], route };
  const other = { match: [{ sniHosts: ['b.bank'], port: 443 }], route };
  const withLists = (http: unknown, ...tlsRoutes: unknown[]) => {
    const object = virtualServiceWith(http);
    return {
      ...object,
      spec: { ...object.spec, tls: tlsRoutes, tcp: [{ match: [{ port: 1 }], route }, { route }] },
    };
  };

  it('are found wherever somebody has moved them, managed routes included', () => {
    const object = withLists([{ name: 'canaryd-x', route }, { name: 'new', route }, a], other, tls);
    const found = accepted(findRoutes(object, keys, clusterDomain));
    expect(found.map((one) => one.at.join('/'))).toEqual(['spec/http/2', 'spec/tls/1', 'spec/tcp/1']);
  });

  it.each([
    [
      'renamed',
      withLists([{ name: 'b', route }], tls),
      'spec.http',
      'no http route is named "a"; there are: b',
    ],
    ['given other SNI hosts', withLists([a], other), 'spec.tls', 'tls:443/a.bank is not there any more'],
    ['doubled', withLists([a, a], tls), 'spec.http[1].name', 'two http routes are named "a"'],
    ['doubled as a tls route', withLists([a], tls, tls), 'spec.tls[1]', 'several tls routes are meant'],
  ])('are told of when one was %s', (_name, object, path, words) => {
    const fault = faultIn(findRoutes(object, keys, clusterDomain));
    expect([fault.path, fault.message]).toEqual([path, expect.stringContaining(words)]);
  });

  it('without a name are the only one there is, whatever somebody calls it', () => {
    const nameless = [{ key: { kind: 'http' as const, name: '' } }];
    const found = findRoutes(virtualServiceWith([{ name: 'canaryd-x', route }, a]), nameless, clusterDomain);
    expect(accepted(found)).toMatchObject([{ at: ['spec', 'http', 1] }]);
    expect(faultIn(findRoutes(virtualServiceWith([]), nameless, clusterDomain)).path).toBe('spec.http');
  });
});

describe('reading shares', () => {
  const sharesOf = (destinations: unknown[]) => {
    return routeOf(withRoute(destinations)).destinations.map(({ share }) => share);
  };

  it.each([
    ['95 and 5', [95, 5], [95, 5]],
    ['a sum that is not 100', [3, 1], [75, 25]],
    ['parts of 10,000', [9975, 25], [99.75, 0.25]],
    ['an absent weight beside others', [1, undefined], [100, 0]],
    ['a destination with a tiny weight, which is not 0', [1_000_000, 1], [99.99, 0.01]],
    ['nothing at all', [0, 0], [0, 0]],
  ])('understands %s', (_name, weights, shares) => {
    expect(sharesOf(weights.map((weight, index) => destination(`v${index + 1}`, weight)))).toEqual(shares);
  });

  it('gives everything to a sole destination, whatever its weight', () => {
    expect(sharesOf([destination('v1')])).toEqual([100]);
    expect(sharesOf([destination('v1', 0)])).toEqual([100]);
  });

  it('completes short host names in the namespace of the VirtualService', () => {
    expect(routeOf(withRoute(route))).toMatchObject({
      destinations: [
        { host, subset: 'v1' },
        { host, subset: 'v2' },
      ],
    });
  });
});

describe('a shape that is not understood', () => {
  const at = 'spec.http[0]';

  it.each([
    ['redirect', { redirect: { uri: '/' } }, `${at}.redirect`],
    ['direct response', { directResponse: { status: 503 } }, `${at}.directResponse`],
    ['delegate', { delegate: { name: 'other' } }, `${at}.delegate`],
  ])('is a %s', (_name, more, path) => {
    expect(faultOf(withRoute(route, more))).toMatchObject({ code: 'unsupported-shape', path });
  });

  it.each([
    ['a negative weight', [destination('v1', 100), destination('v2', -1)], `${at}.route[1].weight`],
    ['half a weight', [destination('v1', 99.5), destination('v2', 1)], `${at}.route[0].weight`],
    ['a weight as text', [{ ...destination('v1'), weight: '9' }], `${at}.route[0].weight`],
    ['a destination without a host', [{ destination: { subset: 'v1' } }], `${at}.route[0].destination.host`],
    ['no destination', [], `${at}.route`],
  ])('is %s, refused with its path', (_name, destinations, path) => {
    expect(faultOf(withRoute(destinations))).toMatchObject({ code: 'unsupported-shape', path });
  });

  it.each([
    ['no route at all', undefined],
    ['an empty list', []],
    ['a text in place of routes', 'all of it'],
  ])('is %s', (_name, http) => {
    expect(faultOf(virtualServiceWith(http))).toMatchObject({
      code: 'unsupported-shape',
      path: 'spec.http',
    });
  });

  it('is refused with a sentence that says what to change', () => {
    expect(faultOf(withRoute(route, { delegate: { name: 'other' } })).message).toBe(
      'the route delegates to another VirtualService: name that one in the target',
    );
  });
});
