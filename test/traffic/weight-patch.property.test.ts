import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WeightWrite } from '../../src/rollout/ports/mesh.ts';
import { annotations } from '../../src/traffic/annotations.ts';
import { planRollback } from '../../src/traffic/break-glass.ts';
import { chooseObject } from '../../src/traffic/choose-object.ts';
import type { PatchOperation } from '../../src/traffic/patch-operation.ts';
import { previewChanges } from '../../src/traffic/preview-changes.ts';
import { type Moved, splitIn } from '../../src/traffic/split.ts';
import {
  isMisshapen,
  isSamePlace,
  pointerTo,
  type VirtualService,
} from '../../src/traffic/virtual-service.ts';
import { weightPatch } from '../../src/traffic/weight-patch.ts';
import type { RouteSplit } from '../../src/traffic/weights.ts';
import { anyCase, anyWrites, type Case } from './any-objects.ts';
import { accepted, applyPatch, clusterDomain, isObject } from './objects.ts';

/** Thousands of runs on a busy machine. */
const patience = 240_000;

describe('for every VirtualService that is accepted, and any sequence of writes', () => {
  it(
    'in 20,000 of them all else stays byte for byte, every share comes out as asked, and the end leaves what was there',
    () => {
      fc.assert(
        fc.property(anyCase, anyWrites, (one, writes) => {
          const history = historyOf(one, writes);
          expectNothingElseMoved(one, history);
          expectShares(one, history);
          expectEnd(one, history);
        }),
        { numRuns: 20_000 },
      );
    },
    patience,
  );

  it(
    'break-glass takes back all of it from the object alone, and a preview shows exactly what is written',
    () => {
      fc.assert(
        fc.property(anyCase, anyWrites, (one, writes) => {
          const history = historyOf(one, writes.slice(0, -1));
          expectPreviewed(one, writes);
          const standing = history.at(-1)?.object;
          if (standing === undefined) return;
          const plan = planRollback(standing);
          if (plan.kind !== 'write') throw new Error(plan.kind);
          expect(JSON.stringify(applyPatch(standing, plan.patch).spec)).toBe(JSON.stringify(one.object.spec));
        }),
        { numRuns: 2000 },
      );
    },
    patience,
  );
});

/** All but weights of the moved routes, managed routes and our annotations. */
function expectNothingElseMoved({ object: original, moved }: Case, history: Written[]): void {
  const before = withoutOurs(original, moved);
  for (const { object } of history) expect(withoutOurs(object, moved)).toBe(before);
}

function expectShares(one: Case, history: Written[]): void {
  const moved = movedOf(one);
  for (const { object, write } of history) {
    const split = accepted(splitIn(object, moved, clusterDomain));
    expect(split.foreign).toBeNull();
    const off = [split.canaryShare, split.lowestShare].map((share) => Math.abs(share - write.share));
    expect(Math.max(...off)).toBeLessThan(0.01);
    for (const route of split.routes) expectSameParts(route);
  }
}

/** The object as it was, but for the weight of the winner and who wrote last. */
function expectEnd(one: Case, history: Written[]): void {
  const last = history.at(-1);
  if (last === undefined) throw new Error('nothing was written');
  const { stable, canary } = movedOf(one);
  const expected = last.write.share === 0 ? one.object.spec : won(one, { stable, canary });
  expect(JSON.stringify(last.object.spec)).toBe(JSON.stringify(expected));
  expect(last.object.metadata.annotations).toEqual({
    ...one.object.metadata.annotations,
    [annotations.rollout]: 'ro_1',
    [annotations.epoch]: String(last.write.epoch),
  });
}

function movedOf({ object, asked, naming }: Case): Moved {
  const [stable, canary] = [naming.arm('v1'), naming.arm('v2')];
  const found = accepted(chooseObject(object, asked, { stable, canary }, clusterDomain));
  return { stable, canary, routes: found.object.routes };
}

type Written = { object: VirtualService; write: WeightWrite; patch: PatchOperation[] };

/** The object after each write; one with managed routes that are refused is left out. */
function historyOf(one: Case, writes: WeightWrite[]): Written[] {
  const moved = movedOf(one);
  const history: Written[] = [];
  let { object } = one;
  for (const write of writes) {
    const split = accepted(splitIn(object, moved, clusterDomain));
    const patch = weightPatch(object, split, moved, write);
    if (isMisshapen(patch)) continue;
    object = applyPatch(object, patch);
    history.push({ object, write, patch });
  }
  return history;
}

/** A part of the route is the same when its weight times the other sum is: no division, no rounding. */
function expectSameParts({ stable, canary, others, original }: RouteSplit): void {
  const sum = (weights: (number | null | undefined)[]) =>
    weights.reduce<bigint>((total, weight) => total + BigInt(weight ?? 0), 0n);
  const now = sum([stable?.weight, canary?.weight, ...others.map(({ weight }) => weight)]);
  const before = sum([original.stable, original.canary, ...original.others.map(({ weight }) => weight)]);
  for (const other of others) {
    const was = typeof other.before === 'number' ? other.before : 0;
    expect(BigInt(other.weight ?? 0) * before).toBe(BigInt(was) * now);
    expect(other.weight ?? 0).toBeLessThanOrEqual(2_147_483_647);
  }
}

/** The spec as a success leaves it: the winner has stable's number, and stable has 0. */
function won(one: Case, { stable, canary }: Pick<Moved, 'stable' | 'canary'>): unknown {
  const split = accepted(splitIn(one.object, movedOf(one), clusterDomain));
  const operations = split.routes.flatMap((route): PatchOperation[] =>
    [route.stable, route.canary].flatMap((arm): PatchOperation[] => {
      if (arm === null) return [];
      const value = isSamePlace(arm, canary) ? route.original.stable : 0;
      expect(isSamePlace(arm, canary) || isSamePlace(arm, stable)).toBe(true);
      return [{ op: 'add', path: pointerTo([...arm.at, 'weight']), value }];
    }),
  );
  return applyPatch(one.object, operations).spec;
}

function expectPreviewed(one: Case, writes: WeightWrite[]): void {
  // A managed route may be refused, as it is where the route is mirrored already.
  const plain = writes.map(({ managed: _managed, ...write }) => write);
  const changes = accepted(previewChanges(one.object, movedOf(one), plain, clusterDomain));
  const previewed = changes.map((ofWrite) =>
    ofWrite.map(({ op, path, value }) => (op === 'remove' ? { op, path } : { op, path, value })),
  );
  const written = historyOf(one, plain).map(({ patch }) =>
    patch.filter(({ path }) => path.startsWith('/spec/')),
  );
  expect(previewed).toEqual(written);
}

function withoutOurs(object: VirtualService, moved: string[]): string {
  const { metadata, ...rest } = structuredClone(object);
  const ours: string[] = Object.values(annotations);
  const notes = Object.entries(metadata.annotations ?? {}).filter(([name]) => !ours.includes(name));
  const theirs = withoutManaged(rest.spec.http);
  const spec = theirs === undefined ? rest.spec : { ...rest.spec, http: theirs };
  for (const pointer of moved) {
    const [protocol = '', index = ''] = pointer.split('/').slice(2);
    const list = spec[protocol];
    const route = Array.isArray(list) ? list[Number(index)] : undefined;
    for (const destination of Array.isArray(route?.route) ? route.route : []) delete destination.weight;
  }
  return JSON.stringify({ ...rest, spec, metadata: { ...metadata, annotations: notes } });
}

function withoutManaged(http: unknown): unknown[] | undefined {
  if (!Array.isArray(http)) return undefined;
  return http.filter((route) => !(isObject(route) && String(route['name']).startsWith('canaryd-')));
}
