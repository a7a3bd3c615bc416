import { describe, expect, it } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { WeightWrite } from '../../src/rollout/ports/mesh.ts';
import type { MovedRoute } from '../../src/rollout/target.ts';
import { managedFault, managedRoutesIn } from '../../src/traffic/managed-routes.ts';
import type { Moved } from '../../src/traffic/split.ts';
import type { VirtualService } from '../../src/traffic/virtual-service.ts';
import { headerRoute, httpOf, mirrorRoute, namesIn, patched, preceded } from './managed-objects.ts';
import { byHost, bySubset, type Naming, patchOf, virtualServiceWith } from './objects.ts';

// The ids are those of scenarios that Argo Rollouts (A) and Flagger (F) test themselves or that their sources show.
// Where canaryd answers in another way, the name of the test says why.

const agent = (match: { exact: string } | { regex: string }) =>
  headerRoute('test', { headers: { agent: match } });

const rest = { stable: 100, canary: 0, others: [] };

/** The two destinations of a route, which the peers call stable and canary. */
function arms(naming: Naming, more: Record<string, unknown> = {}) {
  const [stable, canary] = [naming.destination('v1', 100), naming.destination('v2', 0)];
  return { route: [stable, canary], ...more };
}

/** Two routes of which the first is moved. */
function twoRoutes(naming: Naming, more: Record<string, unknown> = {}): VirtualService {
  return virtualServiceWith([
    { name: 'primary', ...arms(naming), ...more },
    { name: 'secondary', ...arms(naming) },
  ]);
}

function movedBy(naming: Naming, ...names: string[]): Moved {
  const routes = names.map((name): MovedRoute => ({ key: { kind: 'http', name }, original: rest }));
  return { stable: naming.arm('v1'), canary: naming.arm('v2'), routes };
}

/** The object after these writes, each of which is the next turn of one rollout. */
function written(object: VirtualService, moved: Moved, ...writes: Partial<WeightWrite>[]): VirtualService {
  return writes.reduce((before, write, index) => {
    const full = { share: 0, rolloutId: 'ro_1', epoch: index + 1, end: false, ...write };
    return patched(before, patchOf(before, moved, full));
  }, object);
}

const primary = movedBy(byHost, 'primary');
const withRoutes = (...managed: ManagedRoute[]) => ({ managed });
const numbersIn = (object: VirtualService, index: number) =>
  [httpOf(object)[index]?.['route']].flat().map((one) => Object(one).weight);

describe('header routes', () => {
  it('A29: a header route stands on top with the canary alone, and is gone without a match', () => {
    const object = twoRoutes(byHost);
    const once = written(object, primary, withRoutes(agent({ exact: 'firefox' })));
    expect(namesIn(once)).toEqual(['canaryd-test', 'primary', 'secondary']);
    expect(httpOf(once)[0]).toEqual({
      name: 'canaryd-test',
      match: [{ headers: { agent: { exact: 'firefox' } } }],
      route: [byHost.destination('v2')],
    });
    expect(written(once, primary, withRoutes()).spec).toEqual(object.spec);
  });

  it('A30: with subsets the destination has the host of the route and the subset of the canary', () => {
    const once = written(
      twoRoutes(bySubset),
      movedBy(bySubset, 'primary'),
      withRoutes(agent({ regex: 'firefox' })),
    );
    expect(httpOf(once)[0]).toMatchObject({
      match: [{ headers: { agent: { regex: 'firefox' } } }],
      route: [{ destination: { host: 'payment', subset: 'v2' } }],
    });
  });

  it('A31, ours: the header route has retries and CORS of the route as well as the port, so that testers get what customers will', () => {
    const policies = { retries: { attempts: 3 }, corsPolicy: { allowMethods: ['GET'] }, timeout: '2s' };
    const route = [
      { destination: { host: 'payment-v1', port: { number: 8443 } }, weight: 100 },
      { destination: { host: 'payment-v2', port: { number: 8443 } }, weight: 0 },
    ];
    const object = twoRoutes(byHost, { ...policies, route });
    const once = written(object, primary, withRoutes(agent({ exact: 'firefox' })));
    expect(httpOf(once)[0]).toMatchObject({
      ...policies,
      route: [{ destination: { host: 'payment-v2', port: { number: 8443 } } }],
    });
    expect(httpOf(once).slice(1)).toEqual(httpOf(object));
  });

  it('A32: the same header route twice is one route', () => {
    const wanted = withRoutes(agent({ exact: 'firefox' }));
    const once = written(twoRoutes(byHost), primary, wanted);
    expect(written(once, primary, wanted).spec).toEqual(once.spec);
  });
});

describe('mirror routes', () => {
  it('A33: a mirror route of 100 %, then 90 %, then none', () => {
    const object = twoRoutes(byHost);
    const hundred = written(object, primary, withRoutes(mirrorRoute(100)));
    const ninety = written(hundred, primary, withRoutes(mirrorRoute(90)));
    expect([hundred, ninety].map((one) => httpOf(one)[0]?.['mirrorPercentage'])).toEqual([
      { value: 100 },
      { value: 90 },
    ]);
    expect(namesIn(ninety)).toEqual(['canaryd-mirror', 'primary', 'secondary']);
    expect(written(ninety, primary, withRoutes()).spec).toEqual(object.spec);
  });

  it('A34: three mirror routes stand in the order that is asked for, have the weights of the route, and go', () => {
    const object = twoRoutes(byHost);
    const wanted = ['2', '3', '1'].map((name) => mirrorRoute(100, name, [{ method: { exact: 'GET' } }]));
    const shifted = written(object, primary, withRoutes(...wanted), { share: 40, managed: wanted });
    expect(namesIn(shifted)).toEqual(['canaryd-2', 'canaryd-3', 'canaryd-1', 'primary', 'secondary']);
    expect([0, 1, 2, 3, 4].map((index) => numbersIn(shifted, index))).toEqual([
      [60, 40],
      [60, 40],
      [60, 40],
      [60, 40],
      [100, 0],
    ]);
    expect(written(shifted, primary, withRoutes(), { share: 0, end: true }).spec).toEqual(object.spec);
  });

  it('A35: the same with the one route that has no name', () => {
    const object = virtualServiceWith([arms(byHost)]);
    const shifted = written(object, movedBy(byHost, ''), withRoutes(mirrorRoute(), agent({ exact: 'a' })), {
      share: 30,
    });
    expect(namesIn(shifted)).toEqual(['canaryd-mirror', 'canaryd-test', undefined]);
    expect([numbersIn(shifted, 0), numbersIn(shifted, 2)]).toEqual([
      [70, 30],
      [70, 30],
    ]);
  });

  it.each([10, 50])('F5: requests are copied to the canary with a percentage of %d', (percentage) => {
    const mirrored = written(twoRoutes(byHost), primary, withRoutes(mirrorRoute(percentage)));
    expect(httpOf(mirrored)[0]).toMatchObject({
      mirror: { host: 'payment-v2' },
      mirrorPercentage: { value: percentage },
    });
  });

  it('F11, ours: a mirror that somebody adds to the route by hand is not taken for a step of canaryd', () => {
    const mirrored = twoRoutes(byHost, { mirror: { host: 'payment-v2' } });
    expect(managedRoutesIn(mirrored)).toEqual([]);
    expect(written(mirrored, primary, { share: 0, end: true }).spec).toEqual(mirrored.spec);
  });
});

describe('taking them away', () => {
  it('A37: only managed routes go, in the patch that goes back, and never by a second one', () => {
    const object = twoRoutes(byHost);
    const busy = written(object, primary, withRoutes(agent({ exact: 'a' }), mirrorRoute()), { share: 50 });
    const back = patchOf(busy, primary, { share: 0, rolloutId: 'ro_1', epoch: 9, end: true });
    expect(patched(busy, back).spec).toEqual(object.spec);
  });

  it('A34 to A37, ours: what bears our prefix goes, even when no step ever named it, so that nothing is left after a crash', () => {
    const object = twoRoutes(byHost);
    const foreign = { name: 'canaryd-of-an-older-plan', ...arms(byHost) };
    const crashed = virtualServiceWith([foreign, ...httpOf(object), foreign]);
    expect(written(crashed, primary, { share: 0, end: true }).spec).toEqual(object.spec);
  });

  it('A47, ours: a managed route beside one named route is no reason to move nothing', () => {
    const object = virtualServiceWith([{ name: 'only', ...arms(byHost) }]);
    const only = movedBy(byHost, 'only');
    const shifted = written(object, only, withRoutes(agent({ exact: 'a' })), { share: 20 });
    expect(numbersIn(shifted, 1)).toEqual([80, 20]);
  });
});

describe('routes of others', () => {
  it('A53: a redirect before the route stays first, and the header route stands between the two', () => {
    const redirect = { name: 'old', match: [{ uri: { prefix: '/old' } }], redirect: { uri: '/new' } };
    const object = virtualServiceWith([redirect, { name: 'primary', ...arms(byHost) }]);
    const shifted = written(object, primary, { share: 10, ...withRoutes(agent({ exact: 'a' })) });
    expect(namesIn(shifted)).toEqual(['old', 'canaryd-test', 'primary']);
    expect(httpOf(shifted)[0]).toEqual(redirect);
    expect(numbersIn(shifted, 2)).toEqual([90, 10]);
  });

  it('A29 and A34, ours: managed routes stand before the route they precede and not on top, so that routes of others before it keep their requests', () => {
    const object = virtualServiceWith([
      { name: 'admin', match: [{ uri: { prefix: '/admin' } }], route: [byHost.destination('v1')] },
      { name: 'primary', ...arms(byHost) },
    ]);
    expect(namesIn(written(object, primary, withRoutes(agent({ exact: 'a' }))))[0]).toBe('admin');
  });

  it('F20: the match of the step and the match of the route are the cross product', () => {
    const match = [{ uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }];
    const once = written(twoRoutes(byHost, { match }), primary, withRoutes(agent({ exact: 'x' })));
    const headers = { agent: { exact: 'x' } };
    expect(httpOf(once)[0]?.['match']).toEqual([
      { uri: { prefix: '/a' }, headers },
      { uri: { prefix: '/b' }, headers },
    ]);
  });

  it('F20, ours: a header that both name is refused instead of overridden, which would let in requests of other routes', () => {
    const match = [{ headers: { agent: { exact: 'chrome' } } }];
    const fault = managedFault(
      twoRoutes(byHost, { match }),
      [preceded(0)],
      [agent({ exact: 'firefox' })],
    )?.fault;
    expect(fault?.path).toBe('spec.http[0].match[0].headers.agent');
  });

  it('F13, ours: requests of a header go to the canary alone, and all others by the weights, in one rollout', () => {
    const shifted = written(twoRoutes(byHost), primary, {
      share: 5,
      ...withRoutes(agent({ exact: 'insider' })),
    });
    expect([numbersIn(shifted, 0), numbersIn(shifted, 1)]).toEqual([[undefined], [95, 5]]);
  });
});
