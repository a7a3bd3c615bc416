import { describe, expect, it } from 'vitest';
import type { RoutesAsked } from '../../src/rollout/target.ts';
import { chooseObject } from '../../src/traffic/choose-object.ts';
import { chooseRoutes } from '../../src/traffic/find-routes.ts';
import { giveRoles, type Selected } from '../../src/traffic/roles.ts';
import {
  accepted,
  clusterDomain,
  destination,
  faultIn,
  hostDestination,
  virtualServiceWith,
} from './objects.ts';

type Json = Record<string, unknown>;
const rest = [destination('v1', 100), destination('v2', 0)];
const named = { stable: { subset: 'v1' }, canary: { subset: 'v2' } };

function given(spec: Json, asked: RoutesAsked = {}, selected: Selected = {}) {
  const object = virtualServiceWith(undefined);
  const whole = { ...object, spec: { ...object.spec, ...spec } };
  return giveRoles(accepted(chooseRoutes(whole, asked, clusterDomain)), selected);
}

describe('the roles in several routes', () => {
  const both = { routes: ['a', 'b'] };
  const withB = (route: unknown[], more: Json = {}) => ({
    http: [
      { name: 'a', route: rest },
      { name: 'b', route, ...more },
    ],
  });

  it('are the same two destinations in all, whatever their numbers and order', () => {
    const roles = accepted(given(withB([destination('v2'), destination('v1', 7)]), both));
    expect(roles.routes.map(({ stable, canary }) => [stable.weight, canary.weight])).toEqual([
      [100, 0],
      [7, null],
    ]);
  });

  it.each([
    [
      'has another canary',
      [destination('v1', 1), destination('v3')],
      'destination-not-in-route',
      'spec.http[1].route',
      'has no destination v2',
    ],
    [
      'is split already',
      [destination('v1', 9), destination('v2', 1)],
      'split-not-at-rest',
      'spec.http[1].route[1].weight',
      'v1 90 % at',
    ],
    [
      'is turned round',
      [destination('v1', 0), destination('v2', 1)],
      'split-not-at-rest',
      'spec.http[1].route[1].weight',
      'another split than the first',
    ],
    [
      'has nothing at all',
      [destination('v1', 0), destination('v2')],
      'split-not-at-rest',
      'spec.http[1].route[0].weight',
      'must have the whole split',
    ],
    [
      'has the canary twice',
      [...rest, destination('v2', 0)],
      'unsupported-shape',
      'spec.http[1].route[2]',
      'v2 stands twice',
    ],
  ])('are refused where one of them %s', (_name, route, ...[code, path, words]) => {
    const fault = faultIn(given(withB(route), both));
    expect([fault.code, fault.path, fault.message]).toEqual([code, path, expect.stringContaining(words)]);
  });

  it.each([
    ['redirects', { redirect: { uri: '/' } }, 'redirect'],
    ['answers itself', { directResponse: { status: 200 } }, 'directResponse'],
    ['delegates', { delegate: { name: 'x' } }, 'delegate'],
  ])('are not given where one of them %s', (_name, more, field) => {
    const object = virtualServiceWith(withB(rest, more).http);
    const fault = faultIn(chooseRoutes(object, both, clusterDomain));
    expect(fault).toMatchObject({ code: 'unsupported-shape', path: `spec.http[1].${field}` });
  });

  it('are refused where one of them is mirrored to an arm', () => {
    const fault = faultIn(given(withB(rest, { mirror: { host: 'payment', subset: 'v2' } }), both));
    expect(fault).toMatchObject({ code: 'unsupported-shape', path: 'spec.http[1].mirror' });
    expect(fault.message).toContain('let it go to another host');
  });
});

describe('the roles in tls and tcp routes that nobody named', () => {
  const http = [{ route: rest }];

  it('are given where one carries both destinations, and not where it does not', () => {
    const lone = [{ route: [destination('v1', 1)] }, { route: [hostDestination('ledger')] }];
    const roles = accepted(given({ http, tls: [...lone, { route: rest }], tcp: lone }));
    expect(roles.routes.map(({ route }) => route.at.join('/'))).toEqual(['spec/http/0', 'spec/tls/2']);
  });

  it('are refused where several do: nobody said which', () => {
    const fault = faultIn(given({ http, tls: [{ route: rest }, { route: rest }] }));
    expect(fault).toMatchObject({ code: 'route-ambiguous', path: 'spec.tls[1]' });
    expect(fault.message).toContain('the http route alone if they are to stay');
  });

  it('are refused where one has another split: half of the traffic must not go another way', () => {
    const tcp = [{ route: [destination('v1', 0), destination('v2', 1)] }];
    expect(faultIn(given({ http, tcp }))).toMatchObject({ path: 'spec.tcp[0].route[1].weight' });
  });
});

describe('destinations that are no part of the rollout', () => {
  const withThird = (...third: Json[]) => ({ http: [{ route: [...rest, ...third] }] });

  it('may stand there several times, with and without traffic', () => {
    const thirds = [destination('v3', 5), destination('v3', 5), destination('v4', 0), destination('v4', 0)];
    expect(accepted(given(withThird(...thirds), {}, named)).routes[0]?.others).toHaveLength(4);
  });

  it.each([
    ['stable', destination('v1', 50)],
    ['the canary', destination('v2', 0)],
    [
      'the canary by its full name',
      { destination: { host: 'payment.shop.svc.cluster.local', subset: 'v2' } },
    ],
  ])('may not be %s once more', (_name, third) => {
    expect(faultIn(given(withThird(third), {}, named))).toMatchObject({
      code: 'unsupported-shape',
      path: 'spec.http[0].route[2]',
    });
  });

  it.each([
    ['nobody', {}],
    ['stable alone', { stable: { subset: 'v1' } }],
    ['the canary alone', { canary: { subset: 'v2' } }],
  ])('need both others by name while they have traffic; with %s named it is refused', (_name, selected) => {
    const fault = faultIn(given(withThird(destination('v3', 25)), {}, selected));
    expect(fault).toMatchObject({ code: 'split-not-at-rest', path: 'spec.http[0].route' });
    expect(fault.message).toContain('name target.stable and target.canary');
  });

  it('are refused with numbers that leave no room, and with the numbers that do', () => {
    const route = [destination('v1', 99_991), destination('v2', 0), destination('v3', 200_000)];
    const fault = faultIn(given({ http: [{ route }] }, {}, named));
    expect(fault).toMatchObject({ code: 'unsupported-shape', path: 'spec.http[0].route[2].weight' });
    expect(fault.message).toContain('a sum of at most 214748');
    const smaller = [destination('v1', 100_000), destination('v2', 0), destination('v3', 200_000)];
    expect(given({ http: [{ route: smaller }] }, {}, named)).toMatchObject({ kind: 'roles' });
  });
});

describe('a split in mid-air', () => {
  const fault = (weights: number[], metadata = {}) => {
    const http = [{ route: weights.map((weight, index) => destination(`v${index + 1}`, weight)) }];
    return faultIn(chooseObject(virtualServiceWith(http, metadata), {}, {}, clusterDomain));
  };

  it.each([
    [[3, 1], /; give one of them the weight 0$/],
    [[0, 0], /; give one of them the weight 100$/],
    [[3, 1, 1], /; give all but one the weight 0, or name target\.stable and target\.canary /],
  ])('is refused with the mend: %j', (weights, mend) => {
    expect(fault(weights)).toMatchObject({
      code: 'split-not-at-rest',
      message: expect.stringMatching(mend),
    });
  });

  it('is refused with the rollout that moves it', () => {
    const annotations = { 'canaryd.io/rollout': 'ro_1', 'canaryd.io/epoch': '3' };
    expect(fault([3, 1], { annotations }).message).toMatch(/ \(rollout ro_1 moves it or moved it last\)$/);
    expect(fault([100], { annotations }).message).not.toContain('ro_1');
  });
});
