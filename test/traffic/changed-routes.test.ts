import { describe, expect, it } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import { changedRoutesIn } from '../../src/traffic/changed-routes.ts';
import type { Preceded } from '../../src/traffic/managed-mirrors.ts';
import { qualifierIn } from '../../src/traffic/route.ts';
import type { VirtualService } from '../../src/traffic/virtual-service.ts';
import { headerRoute, httpOf, mirrorRoute, preceded, testers, withManaged } from './managed-objects.ts';
import { destination, virtualServiceWith, withRoute } from './objects.ts';

const qualify = qualifierIn('shop', 'cluster.local');
const arms = [destination('v1', 95), destination('v2', 5)];
const match = [{ uri: { prefix: '/pay' } }];
const base = withRoute(arms, { match, timeout: '5s' });
const header = headerRoute();
const mirror = mirrorRoute(25);
const wanted = [header, mirror];
const before = [preceded(0, [95, 5])];
const standing = withManaged(base, before, wanted);

type Route = Record<string, unknown>;

/** The names of what is found changed once somebody has edited the http routes: header, mirror, and the moved one. */
function changedBy(
  edit: (routes: Route[]) => Route[],
  { at = [preceded(2, [95, 5])], routes = wanted }: { at?: Preceded[]; routes?: ManagedRoute[] } = {},
): string[] {
  const virtualService: VirtualService = virtualServiceWith(edit(structuredClone(httpOf(standing))));
  return changedRoutesIn({ virtualService, preceded: at, qualify }, routes);
}

const edited = (index: number, fields: Route) => (routes: Route[]) =>
  routes.map((route, place) => (place === index ? { ...route, ...fields } : route));

describe('a managed route', () => {
  it('that stands as it was written is not changed, nor is any that nobody asked about', () => {
    expect(changedBy((routes) => routes)).toEqual([]);
    expect(changedBy(edited(0, { match: [] }), { routes: [] })).toEqual([]);
  });

  it.each<[string, Route]>([
    ['a wider match', { match }],
    ['no match at all', { match: [] }],
    ['one more block of a match', { match: [...match, { headers: testers.headers }] }],
    ['stable as its destination', { route: [destination('v1')] }],
    ['one more destination', { route: [destination('v2', 50), destination('v1', 50)] }],
    ['another port', { route: [{ destination: { host: 'payment', subset: 'v2', port: { number: 81 } } }] }],
    ['a mirror to elsewhere', { mirror: { host: 'spy.example' } }],
    ['a list of mirrors', { mirrors: [{ destination: { host: 'spy.example' } }] }],
    ['a redirect', { redirect: { uri: '/gone' }, route: undefined }],
  ])('of a header is found changed by %s', (_, fields) => {
    expect(changedBy(edited(0, fields))).toEqual(['testers']);
  });

  it.each<[string, Route]>([
    ['another percentage', { mirrorPercentage: { value: 100 } }],
    ['no percentage, which means all', { mirrorPercentage: undefined }],
    ['the older field for one', { mirrorPercent: 3 }],
    ['another mirror', { mirror: { host: 'payment', subset: 'v1' } }],
    ['other weights', { route: [destination('v1', 5), destination('v2', 95)] }],
  ])('that mirrors is found changed by %s', (_, fields) => {
    expect(changedBy(edited(1, fields))).toEqual(['mirror']);
  });

  it('behind the route that it is to precede takes nothing any more', () => {
    expect(
      changedBy(([first, second, moved]) => [second ?? {}, moved ?? {}, first ?? {}], {
        at: [preceded(1, [95, 5])],
      }),
    ).toEqual(['testers']);
  });

  it('that is gone is told by its name alone, as one is that nobody asked for', () => {
    expect(changedBy(([, ...rest]) => rest, { at: [preceded(1, [95, 5])] })).toEqual([]);
  });

  it('before one of two routes only is found changed', () => {
    const two = virtualServiceWith([
      { name: 'api', route: arms },
      { name: 'web', route: arms },
    ]);
    const both = withManaged(two, [preceded(0, [95, 5]), preceded(1, [95, 5])], [header]);
    const at = (...places: number[]) => places.map((place) => preceded(place, [95, 5]));
    expect(changedRoutesIn({ virtualService: both, preceded: at(1, 3), qualify }, [header])).toEqual([]);
    const [copy, api, , web] = httpOf(both);
    const one = virtualServiceWith([copy ?? {}, api ?? {}, web ?? {}]);
    expect(changedRoutesIn({ virtualService: one, preceded: at(1, 2), qualify }, [header])).toEqual([
      'testers',
    ]);
    const twice = virtualServiceWith([copy ?? {}, copy ?? {}, api ?? {}, web ?? {}]);
    expect(changedRoutesIn({ virtualService: twice, preceded: at(2, 3), qualify }, [header])).toEqual([
      'testers',
    ]);
  });
});

describe('a copy that is old because the owner of its route has edited that', () => {
  it.each<[string, Route]>([
    ['its timeout', { timeout: '1s' }],
    ['its retries', { retries: { attempts: 3 } }],
    ['its headers', { headers: { request: { set: { 'x-hop': 'edge' } } } }],
    ['a field of tomorrow', { 'x-of-tomorrow': true }],
    [
      'a host in its full form',
      {
        route: [
          destination('v1', 95),
          { ...destination('v2', 5), destination: { host: 'payment.shop.svc.cluster.local', subset: 'v2' } },
        ],
      },
    ],
    ['the same shares in other numbers', { route: [destination('v1', 950), destination('v2', 50)] }],
  ])('is no drift: %s', (_, fields) => {
    expect(changedBy(edited(2, fields))).toEqual([]);
  });

  it('is made new by the next write', () => {
    const old = virtualServiceWith(edited(2, { timeout: '1s' })(httpOf(standing)));
    const written = httpOf(withManaged(old, [preceded(2, [95, 5])], wanted));
    expect(written.map(({ timeout }) => timeout)).toEqual(['1s', '1s', '1s']);
  });

  it('is told all the same where it takes requests that the route takes no more', () => {
    expect(changedBy(edited(2, { match: [{ uri: { prefix: '/pay/v2' } }] }))).toEqual(['testers', 'mirror']);
  });

  it('is left to the next write, which says the path, where it could not be put there any more', () => {
    expect(changedBy(edited(2, { mirror: { host: 'audit' } }), { routes: [mirror] })).toEqual([]);
  });
});
