import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ManagedRoute, managedPrefix } from '../../src/rollout/managed-route.ts';
import type { WeightWrite } from '../../src/rollout/ports/mesh.ts';
import type { MovedRoute } from '../../src/rollout/target.ts';
import { annotations } from '../../src/traffic/annotations.ts';
import { managedRoutesIn } from '../../src/traffic/managed-routes.ts';
import { type Moved, splitIn } from '../../src/traffic/split.ts';
import type { VirtualService } from '../../src/traffic/virtual-service.ts';
import { httpOf, patched } from './managed-objects.ts';
import { accepted, bySubset, clusterDomain, patchOf, virtualServiceWith } from './objects.ts';

type Json = { [name: string]: unknown };

/** Without -0, which JSON does not know. */
const unknownFields = fc
  .dictionary(
    fc.string({ minLength: 1, maxLength: 6 }).map((name) => `x-${name}`),
    fc.jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
    { maxKeys: 3 },
  )
  .map((fields): Json => JSON.parse(JSON.stringify(fields)));
const text = fc.constantFrom('a', 'b', '/pay', '/pay/now');
const condition = fc.oneof(
  text.map((exact) => ({ exact })),
  text.map((prefix) => ({ prefix })),
);
const ownMatch = fc.array(
  fc.record(
    { uri: condition, headers: fc.record({ 'x-tenant': condition }), port: fc.constant(80) },
    { requiredKeys: [] },
  ),
  { maxLength: 3 },
);
/** Headers that no route has, so that every one of them can be put before it. */
const asked = fc.array(fc.record({ headers: fc.record({ 'x-canary': condition, 'x-user': condition }) }), {
  minLength: 1,
  maxLength: 3,
});
const managedRoute: fc.Arbitrary<ManagedRoute> = fc.oneof(
  fc.record({ kind: fc.constant('header' as const), name: fc.constantFrom('a', 'b', 'c'), match: asked }),
  fc.record({
    kind: fc.constant('mirror' as const),
    name: fc.constantFrom('d', 'e', 'f'),
    match: fc.option(asked),
    percentage: fc.integer({ min: 1, max: 100 }),
  }),
);
const managed = fc.uniqueArray(managedRoute, { selector: ({ name }) => name, maxLength: 4 });

const movedRoute = (name: string) =>
  fc
    .record({
      unknown: unknownFields,
      match: fc.option(ownMatch, { nil: undefined }),
      stable: fc.integer({ min: 1, max: 500 }),
      third: fc.integer({ min: 0, max: 50 }),
      idle: fc.constantFrom(undefined, 0),
    })
    .chain(({ unknown, match, stable, third, idle }) =>
      fc
        .shuffledSubarray(
          [
            bySubset.destination('v1', stable),
            bySubset.destination('v2', idle),
            bySubset.destination('v3', third),
          ],
          { minLength: 3 },
        )
        .map((route): Json => ({ name, ...unknown, ...(match === undefined ? {} : { match }), route })),
    );
const foreignRoute = unknownFields.map((unknown): Json => ({ ...unknown, redirect: { uri: '/' } }));

/** One or two moved routes among routes of others. */
const worlds = fc
  .tuple(movedRoute('one'), fc.option(movedRoute('two')), fc.array(foreignRoute, { maxLength: 3 }))
  .chain(([one, two, foreign]) =>
    fc.shuffledSubarray([one, ...(two === null ? [] : [two]), ...foreign], {
      minLength: 1 + (two === null ? 0 : 1) + foreign.length,
    }),
  )
  .map((http) => virtualServiceWith(http));

type Write = Pick<WeightWrite, 'share'> & { managed: ManagedRoute[] | null };

const writes: fc.Arbitrary<Write[]> = fc.array(
  fc.record({
    share: fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100),
    managed: fc.option(managed),
  }),
  { minLength: 1, maxLength: 5 },
);

const runs = { numRuns: 300 };

describe('for every VirtualService, and any sequence of writes with managed routes', () => {
  it('what is not ours stays as it is, and the managed routes are those of the last write that named them', () => {
    fc.assert(
      fc.property(worlds, writes, (object, sequence) => {
        const done = written(object, sequence);
        expect(theirs(done)).toEqual(theirs(object));
        const last = sequence.findLast((write) => write.managed !== null)?.managed ?? [];
        expect(managedRoutesIn(done)).toEqual(last.map(({ name }) => name));
        expect(order(done)).toEqual(wantedOrder(object, last));
      }),
      runs,
    );
  });

  it('going back takes all of them away and leaves the very object of before', () => {
    fc.assert(
      fc.property(worlds, writes, (object, sequence) => {
        const back = written(object, sequence, { share: 0, end: true });
        expect(back.spec).toEqual(object.spec);
        const kept = Object.keys(back.metadata.annotations ?? {}).sort();
        expect(kept).toEqual([annotations.epoch, annotations.rollout]);
      }),
      runs,
    );
  });

  it('a mirror route divides requests exactly as the route does that it precedes', () => {
    fc.assert(
      fc.property(worlds, writes, (object, sequence) => {
        const http = httpOf(written(object, sequence));
        for (const [index, route] of http.entries()) {
          if ('mirror' in route) {
            const followed = http.slice(index).find((one) => !isOurs(one));
            expect(route['route']).toEqual(followed?.['route']);
          }
        }
      }),
      runs,
    );
  });

  it('a write that wants what stands there already changes nothing but annotations', () => {
    fc.assert(
      fc.property(worlds, writes, (object, sequence) => {
        const done = written(object, sequence);
        const again = patchOf(done, movedIn(object), writeOf(sequence.at(-1), 99));
        expect(again.filter(({ path }) => path.startsWith('/spec'))).toEqual([]);
      }),
      runs,
    );
  });
});

function writeOf(write: Write | undefined, epoch: number, end = false): WeightWrite {
  const { share = 0, managed: wanted = null } = write ?? {};
  return { share, rolloutId: 'ro_1', epoch, end, ...(wanted === null ? {} : { managed: wanted }) };
}

/** The object after these writes, and a last one that ends it. */
function written(
  object: VirtualService,
  sequence: Write[],
  end?: { share: number; end: true },
): VirtualService {
  const moved = movedIn(object);
  const done = sequence.reduce(
    (before, write, index) => patched(before, patchOf(before, moved, writeOf(write, index + 1))),
    object,
  );
  return end === undefined
    ? done
    : patched(done, patchOf(done, moved, { ...writeOf(undefined, 50), ...end }));
}

function movedIn(object: VirtualService): Moved {
  const names = httpOf(object).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  const arms = { stable: bySubset.arm('v1'), canary: bySubset.arm('v2') };
  const routes = names.map(
    (name): MovedRoute => ({ key: { kind: 'http', name }, original: { stable: 1, canary: 0, others: [] } }),
  );
  const { routes: read } = accepted(splitIn(object, { ...arms, routes }, clusterDomain));
  return {
    ...arms,
    routes: routes.map(({ key }, index) => {
      const { stable, canary, others } = read[index] ?? { stable: null, canary: null, others: [] };
      const other = others.map(({ host, subset, weight }) => ({ host, subset, weight }));
      return {
        key,
        original: { stable: stable?.weight ?? null, canary: canary?.weight ?? null, others: other },
      };
    }),
  };
}

/** All but the weights of the moved routes, the managed routes and our annotations. */
function theirs(object: VirtualService): unknown {
  const http = httpOf(object).filter((route) => !isOurs(route));
  const unweighted = http.map((route) => ({
    ...route,
    ...(Array.isArray(route['route']) ? { route: route['route'].map((one) => ({ ...one, weight: 0 })) } : {}),
  }));
  return {
    ...object,
    metadata: { ...object.metadata, annotations: {}, resourceVersion: '' },
    spec: { ...object.spec, http: unweighted },
  };
}

function isOurs({ name }: Json): boolean {
  return typeof name === 'string' && name.startsWith(managedPrefix);
}

function order(object: VirtualService): unknown[] {
  return httpOf(object).map(({ name }) => name);
}

function wantedOrder(object: VirtualService, wanted: ManagedRoute[]): unknown[] {
  const names = wanted.map(({ name }) => `${managedPrefix}${name}`);
  return order(object).flatMap((name) => (name === undefined ? [name] : [...names, name]));
}
