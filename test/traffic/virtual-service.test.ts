import { describe, expect, it } from 'vitest';
import { readRoute } from '../../src/traffic/virtual-service.ts';
import { clusterDomain, destination, host, virtualServiceWith, withRoute } from './objects.ts';

const route = [destination('v1', 100), destination('v2', 0)];

function faultOf(object: ReturnType<typeof withRoute>, name = '') {
  const read = readRoute(object, name, clusterDomain);
  if (read.kind === 'route') throw new Error('the route was accepted');
  return read.fault;
}

describe('finding the route', () => {
  const several = virtualServiceWith([{ name: 'primary', route }, { route }, { name: 'beta', route }]);

  it('takes the only route when none is named, and says its name', () => {
    expect(readRoute(withRoute(route), '', clusterDomain)).toMatchObject({
      name: 'primary',
      at: ['spec', 'http', 0],
    });
  });

  it('takes the route of the given name', () => {
    expect(readRoute(several, 'beta', clusterDomain)).toMatchObject({
      name: 'beta',
      at: ['spec', 'http', 2],
    });
  });

  it('refuses an unknown name and lists the names there are', () => {
    const fault = faultOf(several, 'gamma');
    expect(fault).toMatchObject({ code: 'route-not-found', path: 'spec.http' });
    expect(fault.message).toContain('primary, spec.http[1] (no name), beta');
  });

  it('refuses to guess among several routes and names them', () => {
    const fault = faultOf(several);
    expect(fault.code).toBe('route-ambiguous');
    expect(fault.message).toContain('primary, spec.http[1] (no name), beta');
  });

  it('refuses a name that two routes share', () => {
    const twins = virtualServiceWith([
      { name: 'a', route },
      { name: 'a', route },
    ]);
    expect(faultOf(twins, 'a')).toMatchObject({ code: 'route-ambiguous', path: 'spec.http[1].name' });
  });

  it('does not mind what it does not understand in other routes', () => {
    const beside = virtualServiceWith([
      { name: 'old', redirect: { uri: '/' } },
      { name: 'primary', route },
    ]);
    expect(readRoute(beside, 'primary', clusterDomain).kind).toBe('route');
  });
});

describe('reading shares', () => {
  const sharesOf = (destinations: unknown[]) => {
    const read = readRoute(withRoute(destinations), '', clusterDomain);
    return read.kind === 'route' ? read.destinations.map(({ share }) => share) : read;
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
    const read = readRoute(withRoute(route), '', clusterDomain);
    expect(read).toMatchObject({
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
    ['a destination that stands twice', [...route, destination('v1', 0)], `${at}.route[2]`],
    ['no destination', [], `${at}.route`],
  ])('is %s, refused with its path', (_name, destinations, path) => {
    expect(faultOf(withRoute(destinations))).toMatchObject({ code: 'unsupported-shape', path });
  });

  it('is the same destination under its short and its full name', () => {
    const full = { destination: { host, subset: 'v1' }, weight: 0 };
    expect(faultOf(withRoute([...route, full])).path).toBe(`${at}.route[2]`);
  });

  it.each([
    ['tls and tcp routes only', undefined],
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
