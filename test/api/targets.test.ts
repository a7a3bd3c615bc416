import { describe, expect, it } from 'vitest';
import { targetService } from '../../src/rollout/targets.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { aRollout, paymentTarget, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryTargets } from '../fakes/targets.ts';
import { api, ask, problemOf } from './api.ts';

const where = { namespace: 'payment-prod', virtualService: 'payment-service' };
const url = '/v1/targets/default/payment-prod/payment-service';

function world(unreadable: string[] = []) {
  const mesh = fakeMesh();
  mesh.add(where);
  const rollouts = [
    aRollout({ id: rolloutId(1), state: { kind: 'succeeded', at: start } }),
    aRollout({ id: rolloutId(2) }),
    aRollout({ id: rolloutId(3), target: { ...paymentTarget, namespace: 'other', route: '' } }),
  ];
  const targets = targetService({
    clusters: ['default', 'blue'],
    mesh,
    records: memoryTargets(rollouts, unreadable),
    deadline: () => new AbortController().signal,
  });
  const app = api({ targets });
  return { mesh, get: (path: string) => ask(app, { url: path }) };
}

describe('the list of targets', () => {
  it('has every route that had a rollout once, with its last one and the lock', async () => {
    const { get } = world();
    const { data, page } = (await get('/v1/targets')).json();
    expect(data).toMatchObject([
      { namespace: 'other', route: null, liveRollout: rolloutId(3) },
      {
        ...where,
        cluster: 'default',
        route: 'primary',
        liveRollout: rolloutId(2),
        lastRollout: {
          id: rolloutId(2),
          status: 'running',
          ended: false,
          versions: { stable: 'v1', canary: 'v2' },
        },
        links: { self: url },
      },
    ]);
    expect(page).toEqual({ nextCursor: null, hasMore: false });
  });

  it('has a target whose last rollout this version cannot read, and says what to do, as its own page does', async () => {
    const { get } = world([rolloutId(2)]);
    const { data } = (await get('/v1/targets')).json();
    const lastRollout = {
      id: rolloutId(2),
      unreadable: true,
      status: 'running',
      explanation: { next: expect.stringContaining('canaryd break-glass rollback') },
    };
    expect(data).toMatchObject([
      { lastRollout: { id: rolloutId(3), status: 'running' } },
      { ...where, route: 'primary', liveRollout: rolloutId(2), lastRollout },
    ]);
    expect((await get(url)).json()).toMatchObject({ lastRollout, routes: [{ name: 'primary' }] });
  });

  it('is paged and narrowed, and refuses filters and cursors that it does not know', async () => {
    const { get } = world();
    const first = (await get('/v1/targets?limit=1')).json();
    expect(first.page.hasMore).toBe(true);
    const rest = (await get(`/v1/targets?limit=1&cursor=${first.page.nextCursor}`)).json();
    expect([rest.data[0].namespace, rest.page.hasMore]).toEqual(['payment-prod', false]);
    expect((await get('/v1/targets?namespace=other')).json().data).toHaveLength(1);
    expect((await get('/v1/targets?cluster=blue')).json().data).toEqual([]);
    expect(problemOf(await get('/v1/targets?cursor=xyz')).errors?.[0]?.pointer).toBe('cursor');
    expect(problemOf(await get('/v1/targets?team=a')).status).toBe(400);
  });
});

describe('a target', () => {
  it('shows its routes as they stand now, that one could start, its last rollout and the lock', async () => {
    const { get } = world();
    expect((await get(url)).json()).toMatchObject({
      ...where,
      cluster: 'default',
      fault: null,
      liveRollout: rolloutId(2),
      lastRollout: { id: rolloutId(2) },
      routes: [
        {
          name: 'primary',
          path: 'spec.http[0]',
          ready: true,
          fault: null,
          stable: { subset: 'v1', version: 'v1' },
          canary: { subset: 'v2', version: 'v2' },
          destinations: [
            { subset: 'v1', weight: 100, share: 100 },
            { subset: 'v2', weight: 0, share: 0 },
          ],
        },
      ],
    });
  });

  it('says why no rollout could start there, and still shows the shares', async () => {
    const { mesh, get } = world();
    mesh.moveByAnotherHand(where, 30);
    expect((await get(url)).json().routes).toMatchObject([
      {
        ready: false,
        fault: { code: 'split-not-at-rest', path: 'spec.http[0].route', message: expect.any(String) },
        stable: null,
        destinations: [{ share: 70 }, { share: 30 }],
      },
    ]);
  });

  it.each([
    [
      '/v1/targets/default/payment-prod/nowhere',
      'no VirtualService "nowhere" in the namespace "payment-prod"',
    ],
    ['/v1/targets/default/payment-prod/..%2Fx', 'no VirtualService "../x"'],
    [
      '/v1/targets/green/payment-prod/payment-service',
      'no cluster "green". Clusters here: "default", "blue"',
    ],
  ])('that is not there is answered with a sentence: %s', async (path, sentence) => {
    const problem = problemOf(await world().get(path));
    expect([problem.status, problem.detail]).toEqual([404, expect.stringContaining(sentence)]);
  });

  it('cannot be read while the cluster gives no answer, and the answer tells no address', async () => {
    const { mesh, get } = world();
    mesh.breakDown({ kind: 'unavailable', reason: 'unreachable', why: 'connect ECONNREFUSED 10.0.0.1:6443' });
    const response = await get(url);
    expect(problemOf(response)).toMatchObject({ status: 503, type: '/problems/kubernetes-unavailable' });
    expect(response.headers['retry-after']).toBe('5');
    expect(response.body).not.toContain('10.0.0.1');
  });
});
