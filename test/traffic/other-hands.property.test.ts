import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotations } from '../../src/traffic/annotations.ts';
import { chooseObject } from '../../src/traffic/choose-object.ts';
import { type Moved, splitIn } from '../../src/traffic/split.ts';
import { isSamePlace, type Place, pointerTo, VirtualService } from '../../src/traffic/virtual-service.ts';
import { anyCase, type Case } from './any-objects.ts';
import { accepted, applyPatch, clusterDomain, isObject, patchOf } from './objects.ts';

const ours: string[] = Object.values(annotations);
const share = fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100);
const write = { rolloutId: 'ro_1', end: false };

describe('for every VirtualService that somebody else edits while a rollout moves it', () => {
  it('going back gives stable what the canary has, and nothing of the edit is lost', () => {
    fc.assert(
      fc.property(anyCase, share, fc.nat(99), fc.boolean(), (one, before, number, end) => {
        const moved = movedOf(one);
        const running = applyPatch(
          one.object,
          patchOf(one.object, moved, { ...write, share: before, epoch: 1 }),
        );
        const edited = editedBy(running, moved, number);
        const after = applyPatch(edited, patchOf(edited, moved, { ...write, share: 0, epoch: 2, end }));
        const split = accepted(splitIn(after, moved, clusterDomain));
        expect([split.canaryShare, split.hasStable]).toEqual([0, true]);
        expect(withoutArms(after, moved)).toBe(withoutArms(edited, moved));
      }),
      { numRuns: 3000 },
    );
  });
});

function movedOf({ object, asked, naming }: Case): Moved {
  const arms = { stable: naming.arm('v1'), canary: naming.arm('v2') };
  return { ...arms, routes: accepted(chooseObject(object, asked, arms, clusterDomain)).object.routes };
}

/** Another hand: a route before all others, a note, and another weight for whoever is no part of the rollout. */
function editedBy(object: VirtualService, moved: Moved, number: number): VirtualService {
  const split = accepted(splitIn(object, moved, clusterDomain));
  const weights = split.routes.flatMap(({ stable, canary, others }) => {
    const total = [stable, canary, ...others].reduce((sum, one) => sum + (one?.weight ?? 0), 0);
    return others.map(({ at, weight }) => {
      // Another part of the route by far: a difference that rounding hides is none.
      const value = 3 * (weight ?? 0) > total ? 0 : 2 * total + number;
      return { op: 'add' as const, path: pointerTo([...at, 'weight']), value };
    });
  });
  const changed = applyPatch(object, [
    ...weights,
    { op: 'add', path: '/metadata/annotations/hand', value: String(number) },
  ]);
  const { http } = changed.spec;
  const added = { name: 'hand', match: [{ uri: { prefix: '/hand' } }], redirect: { uri: '/' } };
  const spec = Array.isArray(http) ? { ...changed.spec, http: [added, ...http] } : changed.spec;
  return VirtualService.parse({ ...changed, spec });
}

/** The whole object but for our annotations and the weights of the two destinations in the moved routes. */
function withoutArms(object: VirtualService, moved: Moved): string {
  const split = accepted(splitIn(object, moved, clusterDomain));
  const arms = split.routes.flatMap(({ stable, canary }) => [stable, canary]);
  const paths = new Set(arms.flatMap((arm) => (arm === null ? [] : [pointerTo(arm.at)])));
  expect([...paths].length).toBe(arms.length);
  expect(arms.every((arm) => arm !== null && isArm(arm, moved))).toBe(true);
  const copy = structuredClone(object);
  for (const path of paths) {
    const found = path
      .split('/')
      .slice(1)
      .reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), copy);
    if (isObject(found)) delete found['weight'];
  }
  return JSON.stringify(copy, (key, value: unknown) => (ours.includes(key) ? undefined : value));
}

function isArm(place: Place, { stable, canary }: Moved): boolean {
  return isSamePlace(place, stable) || isSamePlace(place, canary);
}
