import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InlineRolloutBody } from '../../src/api/rollout-body.ts';
import { parseYaml } from '../../src/api/yaml-body.ts';
import { readinessOf, Target } from '../../src/cli/init-target.ts';
import { rolloutFile } from '../../src/cli/rollout-file.ts';
import { chooseRoutes } from '../../src/traffic/find-routes.ts';
import { giveRoles } from '../../src/traffic/roles.ts';
import { listRoutes } from '../../src/traffic/routes.ts';
import { isMisshapen, type VirtualService } from '../../src/traffic/virtual-service.ts';
import { clusterDomain, destination, virtualServiceWith } from '../traffic/objects.ts';

const subset = fc.stringMatching(/^[a-z0-9](?:[-a-z0-9]{0,10}[a-z0-9])?$/);
const awkward = fc.constantFrom(
  'null',
  'true',
  '1e3',
  '- a',
  'a: b',
  '# x',
  "'",
  '"',
  'a\nb: c',
  '\u2028',
  '\u0085',
  '{{x}}',
  '*x',
  '&x',
  '@',
);
const routeName = fc.option(fc.oneof(awkward, fc.string({ minLength: 1, maxLength: 60 })), {
  nil: undefined,
});
const weight = fc.oneof(fc.constant(0), fc.constant(100), fc.nat(1000), fc.constant(undefined));
const route = fc.record({
  name: routeName,
  route: fc
    .uniqueArray(subset, { minLength: 1, maxLength: 4 })
    .chain((subsets) => fc.tuple(...subsets.map((one) => weight.map((number) => destination(one, number))))),
});
const atRest = fc.record({
  name: routeName,
  route: fc.uniqueArray(subset, { minLength: 2, maxLength: 4 }).map((subsets) => {
    return subsets.map((one, index) => destination(one, index === 0 ? 100 : 0));
  }),
});
const odd = fc.constantFrom<unknown>({ redirect: { uri: '/' } }, { delegate: { name: 'x' } }, { name: 'x' });

const http = fc.oneof(
  fc.array(fc.oneof(atRest, route, odd), { minLength: 1, maxLength: 3 }),
  fc.array(atRest, { minLength: 1, maxLength: 1 }),
);

/** What `GET /v1/targets/…` says of an object, from the same pure parts. */
function surveyed(object: VirtualService): Target {
  const listed = listRoutes(object, clusterDomain);
  const routes = listed.kind === 'shape' ? [] : listed.routes;
  return Target.parse({
    fault: listed.kind === 'shape' ? listed.fault : null,
    liveRollout: null,
    routes: routes.map(({ name, destinations, fault }) => {
      const start = fault ?? rolesOf(object, name, {});
      const roles = start.kind === 'shape' ? null : start;
      return {
        name: name === '' ? null : name,
        destinations,
        fault: start.kind === 'shape' ? start.fault : null,
        stable: roles?.stable ?? null,
        canary: roles?.canary ?? null,
      };
    }),
  });
}

function rolesOf(object: VirtualService, name: string, request: Parameters<typeof giveRoles>[1]) {
  const read = chooseRoutes(object, name === '' ? {} : { route: name }, clusterDomain);
  return isMisshapen(read) ? read : giveRoles(read, request);
}

const place = { cluster: 'default', namespace: 'shop', virtualService: 'payment' };

/** Writes the file for one route, unless the route is refused with a reason; answers whether it was written. */
function check(object: VirtualService, one: Target['routes'][number], choice: number): boolean {
  const idle = one.destinations.filter(({ share }) => share === 0);
  const canary = idle.length > 1 ? (idle[choice % idle.length]?.subset ?? null) : null;
  const found = readinessOf(surveyed(object), one, { ...place, route: one.name, canary });
  if (found.kind === 'unfit') {
    expect([found.why.length > 10, found.next.length > 10]).toEqual([true, true]);
    return false;
  }
  const text = rolloutFile({ ...place, route: one.name, ...found.arms }, 'rollout.yaml');
  const { target } = InlineRolloutBody.parse(parseYaml(text, new Set()));
  expect(target).toMatchObject({ ...place, ...(one.name === null ? {} : { route: one.name }) });
  const { stable, canary: named } = found.arms;
  expect(rolesOf(object, one.name ?? '', target)).toMatchObject({
    kind: 'roles',
    stable: { subset: stable },
    canary: { subset: named },
  });
  return true;
}

describe('the file that init writes', () => {
  it('is taken as it is for any VirtualService, and means the very destinations it names', () => {
    let written = 0;
    fc.assert(
      fc.property(http, fc.nat(3), (routes, choice) => {
        const object = virtualServiceWith(routes);
        written += surveyed(object).routes.filter((one) => check(object, one, choice)).length;
      }),
      { numRuns: 400, seed: 20_261_123 },
    );
    expect(written).toBeGreaterThan(150);
  });
});
