import { describe, expect, it } from 'vitest';
import type { WeightWrite } from '../../src/rollout/ports/mesh.ts';
import { annotations, ownerOf, weightChanges, weightPatch } from '../../src/traffic/weight-patch.ts';
import { destination, rolesOf, standing, targetWith, virtualServiceWith, withRoute } from './objects.ts';

const atRest = withRoute([destination('v1', 100), destination('v2', 0)]);
const target = targetWith({ stable: 100, canary: 0 });
const write: WeightWrite = { share: 5, rolloutId: 'ro_1', epoch: 3, end: false };

describe('the patch', () => {
  it('writes on top of the version that was read, then weights, then our annotations', () => {
    expect(weightPatch(atRest, standing(atRest), target, write)).toEqual([
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
    expect(weightPatch(object, standing(object), target, write)).toContainEqual({
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
    const patch = weightPatch(atRest, standing(atRest), target, { ...write, share });
    expect(patch.slice(1, 3)).toMatchObject([{ value: stable }, { value: canary }]);
  });

  it('of a share that stands already still spends the version, by its epoch', () => {
    const ours = {
      [annotations.rollout]: 'ro_1',
      [annotations.epoch]: '3',
      [annotations.originalWeights]: 'x',
    };
    const route = [destination('v1', 100), destination('v2', 0)];
    const object = virtualServiceWith([{ route }], { annotations: ours });
    const patch = weightPatch(object, standing(object), target, { ...write, share: 0, epoch: 4, end: true });
    expect(patch).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '41' },
      { op: 'replace', path: '/metadata/annotations/canaryd.io~1epoch', value: '4' },
      { op: 'remove', path: '/metadata/annotations/canaryd.io~1original-weights' },
    ]);
  });

  it('gives the winner the number that stable had, at the end of a success', () => {
    const object = withRoute([destination('v1', 7), destination('v2')]);
    const patch = weightPatch(object, standing(object), targetWith({ stable: 7, canary: null }), {
      ...write,
      share: 100,
      end: true,
    });
    expect(patch.slice(1, 3)).toMatchObject([{ value: 0 }, { value: 7 }]);
  });

  it('leaves the weights of a share that stands already in their form', () => {
    const object = withRoute([destination('v1', 19), destination('v2', 1)]);
    const patch = weightPatch(object, standing(object), target, write);
    expect(patch.slice(1).every(({ path }) => path.startsWith('/metadata/annotations'))).toBe(true);
  });

  it('going back takes the share of the canary alone when a third destination has traffic', () => {
    const object = withRoute([destination('v1', 50), destination('v2', 20), destination('v3', 30)]);
    const patch = weightPatch(object, standing(object), target, { ...write, share: 0, end: true });
    expect(patch.slice(1, 3)).toMatchObject([
      { path: '/spec/http/0/route/0/weight', value: 70 },
      { path: '/spec/http/0/route/1/weight', value: 0 },
    ]);
  });

  it('goes back even when the canary is gone from the route', () => {
    const object = withRoute([destination('v1', 95)]);
    const patch = weightPatch(object, standing(object), target, { ...write, share: 0, end: true });
    expect(patch[1]).toEqual({ op: 'replace', path: '/spec/http/0/route/0/weight', value: 100 });
    expect(patch[2]).toMatchObject({ path: '/metadata/annotations' });
  });
});

describe('the preview', () => {
  const at = (index: number) => `/spec/http/0/route/${index}/weight`;
  const roles = rolesOf(withRoute([destination('v1', 1), destination('v2')]));
  const original = { stable: 1, canary: null };

  it('shows what each write would change, each on top of the one before', () => {
    const writes = [5, 0.5, 0.5].map((share) => ({ share, end: false }));
    expect(weightChanges(roles, original, writes)).toEqual([
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
    const [raised, ended] = weightChanges(roles, original, [
      { share: 100, end: false },
      { share: 100, end: true },
    ]);
    expect(raised).toMatchObject([{ value: 0 }, { value: 100 }]);
    expect(ended).toEqual([{ op: 'replace', path: at(1), from: 100, value: 1 }]);
  });

  it('shows no write for a share at which the weights stand already, in whatever form', () => {
    expect(weightChanges(roles, original, [{ share: 0, end: false }])).toEqual([[]]);
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
