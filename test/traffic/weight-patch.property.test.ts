import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WeightChange, WeightWrite } from '../../src/rollout/ports/mesh.ts';
import { readSplit, type Split } from '../../src/traffic/split.ts';
import { readRoute, type VirtualService } from '../../src/traffic/virtual-service.ts';
import {
  annotations,
  type PatchOperation,
  weightChanges,
  weightPatch,
} from '../../src/traffic/weight-patch.ts';
import {
  applyPatch,
  byHost,
  bySubset,
  clusterDomain,
  isObject,
  type Naming,
  rolesOf,
  standing,
  targetWith,
  virtualServiceWith,
} from './objects.ts';

const unknownFields = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }).map((name) => `x-${name}`),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
);
const share = fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100);
const canaryWeight = fc.constantFrom(undefined, 0);

const idleDestination = (naming: Naming) => (version: number) =>
  fc
    .tuple(canaryWeight, unknownFields)
    .map(([weight, unknown]) => ({ ...unknown, ...naming.destination(`v${version}`, weight) }));

function destinations(naming: Naming) {
  const idle = fc
    .uniqueArray(fc.integer({ min: 3, max: 9 }), { maxLength: 2 })
    .chain((versions) => fc.tuple(...versions.map(idleDestination(naming))));
  return fc
    .record({
      stable: fc.integer({ min: 1, max: 20_000 }),
      canary: canaryWeight,
      unknown: unknownFields,
      idle,
    })
    .chain((parts) =>
      fc.shuffledSubarray(
        [
          { ...parts.unknown, ...naming.destination('v1', parts.stable) },
          naming.destination('v2', parts.canary),
          ...parts.idle,
        ],
        { minLength: parts.idle.length + 2 },
      ),
    );
}

/** Accepted VirtualServices: stable v1 holds all, canary v2 nothing; foreign routes, fields and annotations around. */
const acceptedBy = (naming: Naming) =>
  fc
    .record({
      route: destinations(naming),
      unknown: unknownFields,
      notes: fc.option(fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), { nil: undefined }),
    })
    .map(({ route, unknown, notes }) =>
      virtualServiceWith([{ ...unknown, route }], { ...unknown, ...(notes ? { annotations: notes } : {}) }),
    );

const shares = fc.array(share, { minLength: 1, maxLength: 8 });

describe.each([
  ['subsets of one host', bySubset],
  ['hosts of their own', byHost],
])('for every accepted VirtualService whose versions are %s, and any sequence of shares', (_name, naming) => {
  const accepted = acceptedBy(naming);

  it('a patch changes nothing but the two weights and our annotations, byte for byte', () => {
    fc.assert(
      fc.property(accepted, shares, fc.boolean(), (object, sequence, end) => {
        expect(withoutOurs(naming, run(naming, object, sequence, end))).toBe(withoutOurs(naming, object));
      }),
    );
  });

  it('the share read back is the share written, and lies between 0 and 100', () => {
    fc.assert(
      fc.property(accepted, share, (object, wanted) => {
        const { canaryShare, stable } = splitOf(naming, run(naming, object, [wanted], false));
        expect(Math.abs(canaryShare - wanted)).toBeLessThan(0.005);
        expect(canaryShare + (stable?.share ?? 0)).toBeCloseTo(100, 2);
        expect(canaryShare).toBeGreaterThanOrEqual(0);
        expect(canaryShare).toBeLessThanOrEqual(100);
      }),
    );
  });

  it('only whole weights of 0 or more are ever written', () => {
    fc.assert(
      fc.property(accepted, shares, (object, sequence) => {
        const { stable, canary } = splitOf(naming, run(naming, object, sequence, false));
        for (const weight of [stable?.weight, canary?.weight]) {
          // An absent weight that no share asked for stays absent.
          expect(weight === null || (Number.isInteger(weight) && Number(weight) >= 0)).toBe(true);
        }
      }),
    );
  });

  it('going back restores the weights exactly as they stood', () => {
    fc.assert(
      fc.property(accepted, shares, (object, sequence) => {
        const back = run(naming, object, [...sequence, 0], true);
        expect(back.spec).toEqual(object.spec);
        expect(back.metadata.annotations).not.toHaveProperty([annotations.originalWeights]);
      }),
    );
  });

  it('the preview shows exactly what the writes will write', () => {
    fc.assert(
      fc.property(accepted, shares, fc.boolean(), (object, sequence, end) => {
        const writes = writesOf(sequence, end);
        const original = targetOf(naming, object).originalWeights;
        expect(weightChanges(rolesOf(object, naming), original, writes).map(operationsOf)).toEqual(
          patchesOf(naming, object, writes).map(weightsOnly),
        );
      }),
    );
  });

  it('each write leaves our annotations with the rollout and the epoch of that write', () => {
    fc.assert(
      fc.property(accepted, shares, (object, sequence) => {
        expect(run(naming, object, sequence, false).metadata.annotations).toMatchObject({
          [annotations.rollout]: 'ro_1',
          [annotations.epoch]: String(sequence.length),
        });
      }),
    );
  });
});

/** Writes the shares one after the other, as a rollout would; `end` marks the last one. */
function run(naming: Naming, object: VirtualService, sequence: number[], end: boolean): VirtualService {
  return patchesOf(naming, object, writesOf(sequence, end)).reduce(applyPatch, object);
}

function writesOf(sequence: number[], end: boolean): WeightWrite[] {
  const last = sequence.length - 1;
  return sequence.map((one, index) => ({
    share: one,
    rolloutId: 'ro_1',
    epoch: index + 1,
    end: end && index === last,
  }));
}

/** The patch of each write, made on top of what the ones before it have left. */
function patchesOf(naming: Naming, object: VirtualService, writes: WeightWrite[]): PatchOperation[][] {
  const patches: PatchOperation[][] = [];
  for (const write of writes) {
    const current = patches.reduce(applyPatch, object);
    patches.push(weightPatch(current, standing(current, naming), targetOf(naming, object), write));
  }
  return patches;
}

function targetOf(naming: Naming, object: VirtualService): ReturnType<typeof targetWith> {
  const { stable, canary } = rolesOf(object, naming);
  return { ...targetWith({ stable: stable.weight ?? 100, canary: canary.weight }, naming), route: '' };
}

function weightsOnly(patch: PatchOperation[]): PatchOperation[] {
  return patch.filter(({ path }) => path.startsWith('/spec/'));
}

function operationsOf(changes: WeightChange[]) {
  return changes.map(({ op, path, value }) => (value === null ? { op, path } : { op, path, value }));
}

function splitOf(naming: Naming, object: VirtualService): Split {
  const route = readRoute(object, '', clusterDomain);
  const split =
    route.kind === 'route' ? readSplit(route, targetWith({ stable: 1, canary: 0 }, naming)) : route;
  if (split.kind === 'split') return split;
  throw new Error(split.fault.message);
}

function withoutOurs(naming: Naming, object: VirtualService): string {
  return JSON.stringify(object, (key, value: unknown) => {
    if (key === 'annotations' && isObject(value)) return foreign(value);
    return isObject(value) && isArm(naming, value) ? { ...value, weight: 'ours' } : value;
  });
}

function foreign(notes: object): object | undefined {
  const ours: string[] = Object.values(annotations);
  const kept = Object.entries(notes).filter(([name]) => !ours.includes(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function isArm(naming: Naming, value: { [name: string]: unknown }): boolean {
  const place = JSON.stringify(value['destination']);
  return ['v1', 'v2'].some((version) => JSON.stringify(naming.destination(version)['destination']) === place);
}
