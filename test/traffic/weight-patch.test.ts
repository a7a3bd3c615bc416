import { describe, expect, it } from 'vitest';
import type { ManagedRoute } from '../../src/rollout/managed-route.ts';
import type { WeightWrite } from '../../src/rollout/ports/mesh.ts';
import { annotations, ownerOf } from '../../src/traffic/annotations.ts';
import { previewChanges } from '../../src/traffic/preview-changes.ts';
import { splitIn } from '../../src/traffic/split.ts';
import {
  accepted,
  applyPatch,
  clusterDomain,
  destination,
  patchOf,
  routeOf,
  targetWith,
  virtualServiceWith,
  withRoute,
} from './objects.ts';

const atRest = withRoute([destination('v1', 100), destination('v2', 0)]);
const target = targetWith({ stable: 100, canary: 0 });
const write: WeightWrite = { share: 5, rolloutId: 'ro_1', epoch: 3, end: false };

describe('the patch', () => {
  it('writes on top of the version that was read, then weights, then our annotations', () => {
    expect(patchOf(atRest, target, write)).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '41' },
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 95 },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: 5 },
      { op: 'add', path: '/metadata/annotations', value: {} },
      { op: 'add', path: '/metadata/annotations/canaryd.io~1rollout', value: 'ro_1' },
      { op: 'add', path: '/metadata/annotations/canaryd.io~1epoch', value: '3' },
      {
        op: 'add',
        path: '/metadata/annotations/canaryd.io~1original-weights',
        value: JSON.stringify({
          route: 'primary',
          stable: { host: target.stable.host, subset: 'v1', weight: 100 },
          canary: { host: target.canary.host, subset: 'v2', weight: 0 },
        }),
      },
    ]);
  });

  it('adds a weight where none stood', () => {
    const object = withRoute([destination('v1', 100), destination('v2')]);
    expect(patchOf(object, target, write)).toContainEqual({
      op: 'add',
      path: '/spec/http/0/route/1/weight',
      value: 5,
    });
  });

  it.each([
    [0.25, 9975, 25],
    [99.99, 1, 9999],
    [33.33, 6667, 3333],
  ])('writes %f %% as whole numbers out of 10,000', (share, stable, canary) => {
    const patch = patchOf(atRest, target, { ...write, share });
    expect(patch.slice(1, 3)).toMatchObject([{ value: stable }, { value: canary }]);
  });

  it('of a share that stands already still spends the version, by its epoch', () => {
    const ours = {
      [annotations.rollout]: 'ro_1',
      [annotations.epoch]: '3',
      [annotations.originalWeights]: 'x',
    };
    const route = [destination('v1', 100), destination('v2', 0)];
    const object = virtualServiceWith([{ name: 'primary', route }], { annotations: ours });
    const patch = patchOf(object, target, { ...write, share: 0, epoch: 4, end: true });
    expect(patch).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '41' },
      { op: 'replace', path: '/metadata/annotations/canaryd.io~1epoch', value: '4' },
      { op: 'remove', path: '/metadata/annotations/canaryd.io~1original-weights' },
    ]);
  });

  it('gives the winner the number that stable had, at the end of a success', () => {
    const object = withRoute([destination('v1', 7), destination('v2')]);
    const patch = patchOf(object, targetWith({ stable: 7, canary: null }), {
      ...write,
      share: 100,
      end: true,
    });
    expect(patch.slice(1, 3)).toMatchObject([{ value: 0 }, { value: 7 }]);
  });

  it('leaves the weights of a share that stands already in their form', () => {
    const object = withRoute([destination('v1', 19), destination('v2', 1)]);
    const patch = patchOf(object, target, write);
    expect(patch.slice(1).every(({ path }) => path.startsWith('/metadata/annotations'))).toBe(true);
  });

  it('going back takes the share of the canary alone when a third destination has traffic', () => {
    const object = withRoute([destination('v1', 50), destination('v2', 20), destination('v3', 30)]);
    const patch = patchOf(object, target, { ...write, share: 0, end: true });
    expect(patch.slice(1, 3)).toMatchObject([
      { path: '/spec/http/0/route/0/weight', value: 70 },
      { path: '/spec/http/0/route/1/weight', value: 0 },
    ]);
  });

  it('goes back even when the canary is gone from the route', () => {
    const object = withRoute([destination('v1', 95)]);
    const patch = patchOf(object, target, { ...write, share: 0, end: true });
    expect(patch[1]).toEqual({ op: 'replace', path: '/spec/http/0/route/0/weight', value: 100 });
    expect(patch[2]).toMatchObject({ path: '/metadata/annotations' });
  });
});

describe('the patch beside a third destination', () => {
  const key = { kind: 'http' as const, name: 'primary' };
  const third = { host: target.stable.host, subset: 'v3' };
  const movedWith = (stable: number, other: number) => ({
    ...target,
    routes: [{ key, original: { stable, canary: 0, others: [{ ...third, weight: other }] } }],
  });
  const weightsAfter = (
    weights: number[],
    moved: ReturnType<typeof movedWith>,
    share: number,
    end = false,
  ) => {
    const object = withRoute(weights.map((weight, index) => destination(`v${index + 1}`, weight)));
    const after = applyPatch(object, patchOf(object, moved, { ...write, share, end }));
    return routeOf(after).destinations.map(({ weight }) => weight);
  };

  it.each([
    ['needs none', [75, 0, 25], 20, [60, 15, 25]],
    ['is two', [75, 0, 25], 10, [135, 15, 50]],
    ['is large', [75, 0, 25], 0.01, [29_997, 3, 10_000]],
    ['falls again', [135, 15, 50], 40, [45, 30, 25]],
    ['is in force, and the share stands there', [135, 15, 50], 10, [135, 15, 50]],
  ])('multiplies its number by the smallest factor that will do: it %s', (_how, now, share, then) => {
    expect(weightsAfter(now, movedWith(75, 25), share)).toEqual(then);
  });

  it('touches no number of it that needs no factor', () => {
    const object = withRoute([destination('v1', 75), destination('v2', 0), destination('v3', 25)]);
    const paths = patchOf(object, movedWith(75, 25), { ...write, share: 20 }).map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('/spec'))).toEqual([
      '/spec/http/0/route/0/weight',
      '/spec/http/0/route/1/weight',
    ]);
  });

  it.each([
    ['goes back', 0, false, [120, 0, 80]],
    ['ends at 0 %', 0, true, [120, 0, 80]],
    ['ends at 100 %', 100, true, [0, 120, 80]],
    ['goes on', 50, false, [60, 60, 80]],
    ['goes on to a share that needs a factor', 12.5, false, [105, 15, 80]],
    ['goes on to a finer one', 0.25, false, [1197, 3, 800]],
  ])('keeps what somebody else gave it in between, when the rollout %s', (_how, share, end, then) => {
    expect(weightsAfter([100, 20, 80], movedWith(75, 25), share, end)).toEqual(then);
  });

  it.each([
    [0, [2_147_483_647, 0, 80]],
    [100, [0, 2_147_483_647, 80]],
  ])('gives neither of the two more than a weight holds, at %d %%', (share, then) => {
    expect(weightsAfter([2_147_483_647, 3, 80], movedWith(75, 25), share, true)).toEqual(then);
  });
});

describe('traffic that is no part of the rollout', () => {
  const key = { kind: 'http' as const, name: 'primary' };
  const place = (subset: string) => ({ host: target.stable.host, subset });
  const foreignIn = (
    weights: Record<string, number>,
    others: { subset: string; weight: number | null }[],
  ) => {
    const noted = others.map(({ subset, weight }) => ({ ...place(subset), weight }));
    const moved = { ...target, routes: [{ key, original: { stable: 75, canary: 0, others: noted } }] };
    const object = withRoute(Object.entries(weights).map(([subset, weight]) => destination(subset, weight)));
    return accepted(splitIn(object, moved, clusterDomain)).foreign;
  };
  const third = [{ subset: 'v3', weight: 25 }];

  it.each([
    ['as it was', { v1: 75, v2: 0, v3: 25 }],
    ['multiplied', { v1: 135, v2: 15, v3: 50 }],
    ['in other numbers of the same ratio', { v1: 30, v2: 0, v3: 10 }],
    ['less than 0.005 % off', { v1: 749_990, v2: 0, v3: 250_010 }],
  ])('is none while everybody has the same part of the route: %s', (_how, weights) => {
    expect(foreignIn(weights, third)).toBeNull();
  });

  it.each([
    [
      'a part that rose',
      { v1: 60, v2: 0, v3: 40 },
      third,
      'route[2].weight: v3 has 40 % of the route, which was 25 %',
    ],
    [
      'a part that fell to nothing',
      { v1: 60, v2: 15, v3: 0 },
      third,
      'route[2].weight: v3 has 0 % of the route',
    ],
    ['a destination that is gone', { v1: 60, v2: 15 }, third, 'route: put it back with the weight 25'],
    [
      'a new one',
      { v1: 60, v2: 15, v4: 1 },
      [],
      'route[2].weight: is no part of the rollout: set its weight to 0',
    ],
    [
      'one that had nothing',
      { v1: 60, v3: 15 },
      [{ subset: 'v3', weight: null }],
      'route[1].weight: is no part',
    ],
    ['all of it', { v3: 0 }, [], 'route[0].weight: v3 has 100 % and is no part'],
  ])('is told of, with its path: %s', (_how, weights, others, words) => {
    const { code, path, message } = foreignIn(weights, others) ?? {};
    expect(code).toBe('unsupported-shape');
    expect(`${path}: ${message}`.replace('spec.http[0].', '')).toContain(words.split(': ')[1]);
    expect(path).toBe(`spec.http[0].${words.split(': ')[0]}`);
  });
});

describe('the preview', () => {
  const at = (index: number) => `/spec/http/0/route/${index}/weight`;
  const resting = withRoute([destination('v1', 1), destination('v2')]);
  const target = targetWith({ stable: 1, canary: null });
  const preview = (writes: { share: number; end: boolean; managed?: ManagedRoute[] }[]) =>
    accepted(previewChanges(resting, target, writes, clusterDomain));

  it('shows what each write would change, each on top of the one before', () => {
    const writes = [5, 0.5, 0.5].map((share) => ({ share, end: false }));
    expect(preview(writes)).toEqual([
      [
        { op: 'replace', path: at(0), from: 1, value: 95 },
        { op: 'add', path: at(1), from: null, value: 5 },
      ],
      [
        { op: 'replace', path: at(0), from: 95, value: 9950 },
        { op: 'replace', path: at(1), from: 5, value: 50 },
      ],
      [],
    ]);
  });

  it('shows the number that stable had as the last write of a success', () => {
    const [raised, ended] = preview([
      { share: 100, end: false },
      { share: 100, end: true },
    ]);
    expect(raised).toMatchObject([{ value: 0 }, { value: 100 }]);
    expect(ended).toEqual([{ op: 'replace', path: at(1), from: 100, value: 1 }]);
  });

  it('shows no write for a share at which the weights stand already, in whatever form', () => {
    expect(preview([{ share: 0, end: false }])).toEqual([[]]);
  });

  it('shows a managed route as it would stand, and that it goes', () => {
    const match = [{ headers: { 'x-canary': { exact: 'true' } } }];
    const [put, taken] = preview([
      { share: 0, end: false, managed: [{ kind: 'header', name: 'header', match }] },
      { share: 0, end: false, managed: [] },
    ]);
    const route = expect.objectContaining({ name: 'canaryd-header', match });
    expect(put).toEqual([{ op: 'add', path: '/spec/http/0', from: null, value: route }]);
    expect(taken).toEqual([{ op: 'remove', path: '/spec/http/0', from: route, value: null }]);
  });
});

describe('the owner', () => {
  const ownedBy = (notes: Record<string, string>) => ownerOf(virtualServiceWith([], { annotations: notes }));

  it('is read from our annotations', () => {
    expect(ownedBy({ [annotations.rollout]: 'ro_1', [annotations.epoch]: '12' })).toEqual({
      rolloutId: 'ro_1',
      epoch: 12,
    });
  });

  it('is nobody when there are none', () => {
    expect(ownedBy({})).toBeNull();
    expect(ownerOf(atRest)).toBeNull();
  });

  it.each([
    ['is a word', 'many', 0],
    ['is empty', '', 0],
    ['is negative', '-1', 0],
    ['has a fraction', '1.5', 0],
    ['is the largest that leaves room for later turns', '99999999999999', 99_999_999_999_999],
    ['is one more than that', '100000000000000', 0],
    ['has more digits than a number holds', '9007199254740993', 0],
  ])('has the epoch that somebody wrote only if it can be counted on from: it %s', (_what, text, epoch) => {
    expect(ownedBy({ [annotations.rollout]: 'ro_1', [annotations.epoch]: text })?.epoch).toBe(epoch);
  });
});
