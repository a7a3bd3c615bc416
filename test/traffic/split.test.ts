import { describe, expect, it } from 'vitest';
import { giveRoles } from '../../src/traffic/roles.ts';
import type { Route } from '../../src/traffic/route.ts';
import { type Moved, readSplit } from '../../src/traffic/split.ts';
import {
  accepted,
  clusterDomain,
  destination,
  faultIn,
  routeOf as firstRoute,
  hostDestination,
  targetWith,
  virtualServiceWith,
  withRoute,
} from './objects.ts';

function routeOf(destinations: unknown[], more = {}): Route {
  return firstRoute(withRoute(destinations, more));
}

function roles(route: Route, request: Parameters<typeof giveRoles>[1] = {}) {
  return giveRoles([route], request);
}

function faultOf(route: Route, request: Parameters<typeof giveRoles>[1] = {}) {
  return faultIn(roles(route, request));
}

/** The split of one route in mid-run; before it stable had everything. */
function split(route: Route, arms: Pick<Moved, 'stable' | 'canary'>) {
  const original = { stable: 100, canary: 0, others: [] };
  return accepted(readSplit([route], arms, [{ key: route.key, original }]));
}

const three = routeOf([destination('v1', 100), destination('v2', 0), destination('v3')]);

describe('roles at the start', () => {
  it('go to the destination with all traffic and to the one with none, in whatever order', () => {
    const route = routeOf([destination('v2'), destination('v1', 7)]);
    expect(roles(route, {})).toMatchObject({ stable: { subset: 'v1' }, canary: { subset: 'v2' } });
  });

  it('are settled by target.canary when several have no traffic', () => {
    expect(roles(three, { canary: { subset: 'v3' } })).toMatchObject({ canary: { subset: 'v3' } });
  });

  it('are refused when several could be the canary, and the candidates are listed', () => {
    const fault = faultOf(three);
    expect(fault).toMatchObject({ code: 'canary-ambiguous', path: 'spec.http[0].route' });
    expect(fault.message).toContain('v2, v3');
  });

  it('are refused while traffic is split, with the shares and where they stand', () => {
    const fault = faultOf(routeOf([destination('v1', 90), destination('v2', 10)]));
    expect(fault.code).toBe('split-not-at-rest');
    expect(fault.message).toContain('v1 90 % at spec.http[0].route[0], v2 10 % at spec.http[0].route[1]');
  });

  it('are refused when a third destination has traffic and nobody says that it is to keep it', () => {
    const fault = faultOf(routeOf([destination('v1', 90), destination('v2', 0), destination('v3', 10)]));
    expect(fault).toMatchObject({ code: 'split-not-at-rest', path: 'spec.http[0].route' });
    expect(fault.message).toContain('v1 90 % at spec.http[0].route[0], v2 0 %');
    expect(fault.message).toContain('name target.stable and target.canary if the others are to keep');
  });

  it('leave a third destination its traffic when both of them are named', () => {
    const route = routeOf([destination('v1', 90), destination('v2', 0), destination('v3', 10)]);
    const given = roles(route, { stable: { subset: 'v1' }, canary: { subset: 'v2' } });
    expect(given).toMatchObject({ routes: [{ others: [{ subset: 'v3', share: 10 }] }] });
  });

  it('are refused when no destination has any traffic', () => {
    expect(faultOf(routeOf([destination('v1', 0), destination('v2', 0)])).code).toBe('split-not-at-rest');
  });

  it.each([
    ['target.stable names another one', { stable: { subset: 'v2' } }, 'split-not-at-rest'],
    ['target.canary names the one with all traffic', { canary: { subset: 'v1' } }, 'split-not-at-rest'],
    ['target.canary is not in the route', { canary: { subset: 'v9' } }, 'destination-not-in-route'],
    ['target.stable is not in the route', { stable: { subset: 'v9' } }, 'destination-not-in-route'],
  ])('are refused when %s', (_name, request, code) => {
    expect(faultOf(three, request).code).toBe(code);
  });

  it('hold when target.stable asserts what is true', () => {
    const request = { stable: { subset: 'v1' }, canary: { subset: 'v2' } };
    expect(roles(three, request).kind).toBe('roles');
  });

  it('need a second destination', () => {
    expect(faultOf(routeOf([destination('v1')])).code).toBe('destination-not-in-route');
  });

  it('need subsets on one host', () => {
    const fault = faultOf(routeOf([destination('v1', 1), { destination: { host: 'payment' } }]));
    expect(fault).toMatchObject({
      code: 'unsupported-shape',
      path: 'spec.http[0].route[1].destination.subset',
    });
  });

  it.each([
    ['all of its host', { mirror: { host: 'payment' } }, 'mirror'],
    ['the canary', { mirror: { host: 'payment', subset: 'v2' } }, 'mirror'],
    [
      'stable, among others',
      { mirrors: [{ destination: { host: 'copies' } }, { destination: { host: 'payment', subset: 'v1' } }] },
      'mirrors[1]',
    ],
    ['somewhere that cannot be read', { mirror: 'copies' }, 'mirror'],
  ])('are refused while requests are mirrored to %s', (_where, more, field) => {
    const route = routeOf([destination('v1', 1), destination('v2')], more);
    expect(faultOf(route)).toMatchObject({ code: 'unsupported-shape', path: `spec.http[0].${field}` });
  });
});

describe('a mirror to another place', () => {
  it.each([
    ['host', { mirror: { host: 'copies' }, mirrorPercentage: { value: 5 } }],
    ['subset', { mirrors: [{ destination: { host: 'payment', subset: 'copies' } }] }],
    ['host, by an empty list', { mirrors: [] }],
  ])('is left alone: another %s', (_where, more) => {
    expect(roles(routeOf([destination('v1', 1), destination('v2')], more)).kind).toBe('roles');
  });
});

describe('roles of destinations that have a host each', () => {
  const full = (name: string) => `${name}.shop.svc.${clusterDomain}`;
  const slots = routeOf([hostDestination('blue', 1), hostDestination('green'), hostDestination('red')]);

  it('go to the host with all traffic and to the one with none', () => {
    const route = routeOf([hostDestination('green'), hostDestination('blue', 1)]);
    expect(roles(route, {})).toMatchObject({
      stable: { host: full('blue'), subset: null },
      canary: { host: full('green'), subset: null },
    });
  });

  it('are settled by the host when several have no traffic', () => {
    expect(roles(slots, { canary: { host: full('red') } })).toMatchObject({
      canary: { host: full('red') },
    });
    const fault = faultOf(slots);
    expect(fault).toMatchObject({ code: 'canary-ambiguous' });
    expect(fault.message).toContain(`${full('green')}, ${full('red')}`);
  });

  it.each([
    [
      'is not in the route',
      { canary: { host: full('grey') } },
      'destination-not-in-route',
      `the host ${full('grey')}`,
    ],
    [
      'has no such subset',
      { canary: { host: full('green'), subset: 'v2' } },
      'destination-not-in-route',
      `the subset v2 and the host ${full('green')}`,
    ],
    [
      'has all traffic',
      { canary: { host: full('blue') } },
      'split-not-at-rest',
      'a canary starts with nothing, and it has 100 %',
    ],
    [
      'is asserted against the truth',
      { stable: { host: full('green') } },
      'split-not-at-rest',
      `target.stable names the host ${full('green')}`,
    ],
  ])('are refused when the host that is asked for %s', (_name, request, code, words) => {
    const fault = faultOf(slots, request);
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(words);
  });

  it('may have subsets of one name: the host tells them apart, in sentences too', () => {
    const live = (name: string, weight?: number) => ({
      destination: { host: name, subset: 'live' },
      ...(weight === undefined ? {} : { weight }),
    });
    const route = routeOf([live('blue', 1), live('green')]);
    expect(roles(route, { canary: { subset: 'live' } })).toMatchObject({
      stable: { host: full('blue') },
      canary: { host: full('green') },
    });
    expect(faultOf(routeOf([live('blue', 9), live('green', 1)])).message).toContain(
      `live of ${full('blue')} 90 %`,
    );
  });

  it('are read back by host in mid-run', () => {
    const service = { name: 'blue', namespace: 'shop' };
    const arm = (name: string) => ({ host: full(name), subset: null, service, version: name, podLabels: {} });
    const target = { stable: arm('blue'), canary: arm('green') };
    const route = routeOf([hostDestination('blue', 3), hostDestination('green', 1)]);
    expect(split(route, target)).toMatchObject({ canaryShare: 25, foreign: null });
    const foreign = routeOf([hostDestination('blue', 3), hostDestination('red', 1)]);
    expect(split(foreign, target)).toMatchObject({
      canaryShare: 0,
      hasCanary: false,
      foreign: { message: `${full('red')} has 25 % and is no part of the rollout: set its weight to 0` },
    });
  });

  it('see stable behind any subset of its host in another route', () => {
    const service = { name: 'blue', namespace: 'shop' };
    const arm = (name: string) => ({ host: full(name), subset: null, service, version: name, podLabels: {} });
    const object = virtualServiceWith([
      { name: 'primary', route: [hostDestination('blue', 1), hostDestination('green')] },
      { name: 'other', route: [{ destination: { host: 'blue', subset: 'v9' } }] },
    ]);
    const route = firstRoute(object, { route: 'primary' });
    expect(split(route, { stable: arm('blue'), canary: arm('green') }).stableHasOtherRoutes).toBe(true);
    expect(split(route, { stable: arm('green'), canary: arm('blue') }).stableHasOtherRoutes).toBe(false);
  });
});

describe('a split in mid-run', () => {
  const target = targetWith({ stable: 100, canary: 0 });
  const splitOf = (destinations: unknown[], more = {}) => split(routeOf(destinations, more), target);

  it('shows the share of the canary', () => {
    expect(splitOf([destination('v1', 19), destination('v2', 1)])).toMatchObject({ canaryShare: 5 });
  });

  it('shows 0 for a canary that is gone', () => {
    expect(splitOf([destination('v1')])).toMatchObject({ canaryShare: 0, hasCanary: false, hasStable: true });
  });

  it('shows that stable is gone', () => {
    expect(splitOf([destination('v2', 5)])).toMatchObject({ canaryShare: 100, hasStable: false });
  });

  it('tells of a third destination with traffic, with its path', () => {
    const split = splitOf([destination('v1', 90), destination('v2', 5), destination('v3', 5)]);
    expect(split).toMatchObject({ canaryShare: 5.26, foreign: { path: 'spec.http[0].route[2].weight' } });
  });

  it.each([
    ['its own subset', [destination('v1')], true],
    ['the whole host', [{ destination: { host: 'payment' } }], true],
    ['the canary alone', [destination('v2')], false],
    ['another host', [{ destination: { host: 'ledger', subset: 'v1' } }], false],
    ['nobody can tell', [{ destination: 'v1' }], true],
  ])('shows whether another route brings stable requests: %s', (_name, other, expected) => {
    const object = virtualServiceWith([
      { name: 'primary', route: [destination('v1', 95), destination('v2', 5)] },
      { name: 'ledger', route: [{ destination: { host: 'ledger' } }] },
      { name: 'other', route: other },
    ]);
    const route = firstRoute(object, { route: 'primary' });
    expect(split(route, targetWith({ stable: 100, canary: 0 })).stableHasOtherRoutes).toBe(expected);
  });

  it.each([
    ['stable alone', [destination('v1')], false],
    ['the canary by a header, as at a gateway', [destination('v2')], true],
    ['the whole host', [{ destination: { host: 'payment' } }], true],
  ])('shows whether another route brings the canary requests: %s', (_name, other, expected) => {
    const object = virtualServiceWith([
      { name: 'header', match: [{ headers: { 'x-canary': { exact: 'true' } } }], route: other },
      { name: 'primary', route: [destination('v1', 95), destination('v2', 5)] },
    ]);
    const route = firstRoute(object, { route: 'primary' });
    expect(split(route, targetWith({ stable: 100, canary: 0 })).canaryHasOtherRoutes).toBe(expected);
  });

  it('is still read, and can go back, when somebody adds a mirror', () => {
    const split = splitOf([destination('v1', 95), destination('v2', 5)], { mirror: { host: 'payment' } });
    expect(split).toMatchObject({ kind: 'split', canaryShare: 5 });
  });
});
