import { describe, expect, it } from 'vitest';
import { planRollback } from '../../src/traffic/break-glass.ts';
import { applyPatch, destination, hostDestination, virtualServiceWith } from './objects.ts';

const rollout = 'ro_01KAQ4S7V0000000000000000A';

/** What canaryd has written into the object; `original` is what it noted of the split before. */
function moved(route: unknown[], original: object, more: Record<string, string> = {}) {
  const annotations = {
    'canaryd.io/rollout': rollout,
    'canaryd.io/epoch': '7',
    'canaryd.io/original-weights': JSON.stringify(original),
    ...more,
  };
  return virtualServiceWith([{ name: 'primary', route }], { annotations });
}

const bySubset = (host: string, stable: number, canary: number | null) => ({
  route: 'primary',
  stable: { host, subset: 'v1', weight: stable },
  canary: { host, subset: 'v2', weight: canary },
});
const host = 'payment.shop.svc.cluster.local';

describe('the plan to take a canary back from the annotations alone', () => {
  it.each([
    ['as they were', [80, 20], bySubset(host, 100, 0), [100, 0]],
    ['in parts of another sum', [9950, 50], bySubset(host, 3, 0), [3, 0]],
    ['without a weight where there was none', [50, 50], bySubset(host, 1, null), [1, undefined]],
    ['in a cluster with another domain', [80, 20], bySubset('payment.shop.svc.corp', 100, 0), [100, 0]],
  ])('restores the weights %s', (_how, [stable, canary], original, expected) => {
    const object = moved([destination('v1', stable), destination('v2', canary)], original);
    const plan = planRollback(object);
    if (plan.kind !== 'write') throw new Error(plan.kind);
    const after = applyPatch(object, plan.patch);
    const restored = [destination('v1', expected[0]), destination('v2', expected[1])];
    expect(after.spec.http).toEqual([{ name: 'primary', route: restored }]);
    expect(planRollback(after)).toMatchObject({ kind: 'already', taken: { canary: { share: 0 } } });
  });

  it('calls destinations by their hosts where each has one of its own', () => {
    const place = (name: string) => ({ host: `${name}.shop.svc.cluster.local`, subset: null });
    const original = {
      route: 'primary',
      stable: { ...place('payment-v1'), weight: 100 },
      canary: { ...place('payment-v2'), weight: 0 },
    };
    const route = [hostDestination('payment-v1', 70), hostDestination('payment-v2', 30)];
    expect(planRollback(moved(route, original))).toMatchObject({
      kind: 'write',
      taken: { stable: { name: 'payment-v1.shop.svc.cluster.local', share: 70 }, canary: { share: 30 } },
      changes: [
        { from: 70, to: 100 },
        { from: 30, to: 0 },
      ],
    });
  });

  it.each([
    ['another rollout', 'ro_other/7'],
    ['an earlier epoch', `${rollout}/6`],
    ['nobody', '/'],
  ])('leaves word anew where the word is that of %s', (_whose, mark) => {
    const route = [destination('v1', 100), destination('v2', 0)];
    const object = moved(route, bySubset(host, 100, 0), { 'canaryd.io/rolled-back': mark });
    const plan = planRollback(object);
    if (plan.kind !== 'write') throw new Error(plan.kind);
    expect(applyPatch(object, plan.patch).metadata.annotations?.['canaryd.io/rolled-back']).toBe(
      `${rollout}/7`,
    );
  });

  it('goes back although the epoch is no number', () => {
    const route = [destination('v1', 80), destination('v2', 20)];
    const object = moved(route, bySubset(host, 100, 0), { 'canaryd.io/epoch': 'seven' });
    expect(planRollback(object)).toMatchObject({ kind: 'write', taken: { owner: { epoch: 0 } } });
  });

  describe('with several routes', () => {
    const place = (subset: string) => ({ host, subset });
    const original = (stable: number, ...others: object[]) => ({ stable, canary: 0, others });
    const note = {
      stable: place('v1'),
      canary: place('v2'),
      routes: [
        { key: { kind: 'http', name: 'primary' }, original: original(75, { ...place('v3'), weight: 25 }) },
        { key: { kind: 'tls', port: 443, sniHosts: ['a.bank'] }, original: original(3) },
      ],
    };
    const managed = { name: 'canaryd-preview', match: [{}], route: [destination('v2')] };
    const http = [destination('v1', 135), destination('v2', 15), destination('v3', 50)];
    const tls = [
      { match: [{ port: 443, sniHosts: ['a.bank'] }], route: [destination('v1', 1), destination('v2', 1)] },
    ];

    function movedObject(tlsRoutes: unknown[], notes: object = {}) {
      const object = moved(http, note);
      const spec = { ...object.spec, http: [managed, { name: 'primary', route: http }], tls: tlsRoutes };
      return {
        ...object,
        metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...notes } },
        spec,
      };
    }

    it('restores all of them and takes the managed routes away, in one patch', () => {
      const object = movedObject(tls);
      const plan = planRollback(object);
      if (plan.kind !== 'write') throw new Error(plan.kind);
      expect(plan.taken).toMatchObject({
        route: 'tls:443/a.bank',
        canary: { share: 50 },
        managed: ['preview'],
        lost: [],
        routes: [{ route: 'primary', others: [{ name: 'v3', share: 25 }] }, { route: 'tls:443/a.bank' }],
      });
      const after = applyPatch(object, plan.patch);
      expect(after.spec).toMatchObject({
        http: [
          { name: 'primary', route: [destination('v1', 75), destination('v2', 0), destination('v3', 25)] },
        ],
        tls: [{ route: [destination('v1', 3), destination('v2', 0)] }],
      });
      expect(planRollback(after)).toMatchObject({ kind: 'already', taken: { managed: [] } });
    });

    it.each([
      ['gone', [], 'spec.tls: the tls route tls:443/a.bank is not there any more'],
      [
        'without stable',
        [{ ...tls[0], route: [destination('v2', 1)] }],
        'stable (v1) is not in the route any more',
      ],
    ])('takes back what it can where one is %s, and says what it left', (_what, left, why) => {
      const object = movedObject(left);
      const plan = planRollback(object);
      if (plan.kind !== 'write') throw new Error(plan.kind);
      expect(plan.taken.lost).toEqual([{ route: 'tls:443/a.bank', why: expect.stringContaining(why) }]);
      expect(applyPatch(object, plan.patch).spec).toMatchObject({
        http: [{ route: [{ weight: 75 }, { weight: 0 }, { weight: 25 }] }],
        tls: left,
      });
    });

    it('leaves the number of somebody else who has changed it, and gives stable what the canary has', () => {
      const object = movedObject(tls);
      const route = [destination('v1', 100), destination('v2', 20), destination('v3', 80)];
      const spec = { ...object.spec, http: [{ name: 'primary', route }] };
      const plan = planRollback({ ...object, spec });
      if (plan.kind !== 'write') throw new Error(plan.kind);
      expect(applyPatch({ ...object, spec }, plan.patch).spec).toMatchObject({
        http: [{ route: [{ weight: 120 }, { weight: 0 }, { weight: 80 }] }],
      });
    });

    it('names the routes of canaryd that stand where no rollout moves anything', () => {
      const { annotations, ...metadata } = movedObject(tls).metadata;
      const plan = planRollback({ ...movedObject(tls), metadata });
      expect(annotations).toBeDefined();
      expect(plan).toMatchObject({
        kind: 'notMoved',
        managed: [{ at: ['spec', 'http', 0], name: 'canaryd-preview' }],
      });
    });

    it.each([
      ['a route without a key', { ...note, routes: [{ original: original(1) }] }, 'routes.0.key'],
      ['no route', { ...note, routes: [] }, 'routes'],
      [
        'a canary that had something',
        { ...note, routes: [{ ...note.routes[0], original: { stable: 1, canary: 3, others: [] } }] },
        'canary',
      ],
    ])('follows no annotation with %s', (_what, wrong, words) => {
      const plan = planRollback(moved(http, wrong));
      expect(plan).toMatchObject({ kind: 'unreadable', why: expect.stringContaining(words) });
    });
  });
});
