import { describe, expect, it } from 'vitest';
import type { CreateRequest } from '../../src/rollout/draft.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import type { Previewed } from '../../src/rollout/preview.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { fakeMesh, podsOf } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { bankPlan, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice } from './drive.ts';

const where = { namespace: 'bank', virtualService: 'payments' };
const request: CreateRequest = { target: { cluster: 'default', ...where }, plan: bankPlan, reason: null };

/** A service whose stable has traffic and whose canary has had none. */
function world({ orders = [], aborted = false }: { orders?: HoldOrder[]; aborted?: boolean } = {}) {
  const mesh = fakeMesh();
  mesh.add(where);
  const metrics = fakeMetrics();
  metrics.set('canary', mood.idle);
  const deadlines: number[] = [];
  const rollouts = memoryStore({ now: () => start });
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics,
    rollouts,
    holds: { standing: async () => orders },
    newId: () => rolloutId(1),
    deadline: (ms) => {
      deadlines.push(ms);
      return aborted && deadlines.length > 1 ? AbortSignal.abort() : new AbortController().signal;
    },
  });
  const preview = async (changes: Partial<CreateRequest> = {}): Promise<Previewed> => {
    const answer = await service.preview({ ...request, ...changes }, alice);
    if (answer.kind !== 'preview') throw new Error(`previewed ${answer.kind}`);
    return answer;
  };
  return { service, mesh, metrics, deadlines, preview };
}

const order: HoldOrder = {
  id: 'ho_1',
  cluster: null,
  namespace: null,
  by: alice,
  reason: 'Black Friday',
  at: start,
};

describe('a preview of a rollout that would start', () => {
  it('shows stable’s values now, the queries, and what each check is going to have', async () => {
    const { preview } = world();
    const { obstacle, survey, forecast, steps } = await preview();
    expect(obstacle).toBeNull();
    expect(survey?.checks['p99']?.queries.map(({ purpose }) => purpose)).toEqual([
      'value',
      'requests',
      'buckets',
    ]);
    expect(forecast.checks['errorRate']).toMatchObject({
      stable: { kind: 'value', value: 0, requests: 1000 },
      verdictIfLikeStable: 'pass',
    });
    expect(steps[1]?.checks[0]).toMatchObject({
      risk: 'inconclusive_likely',
      expectedRequests: expect.closeTo(50),
    });
  });

  it('asks the metrics as a turn does, once, and within the time that a person waits', async () => {
    const { preview, metrics, deadlines } = world();
    await preview();
    expect(metrics.surveyed).toMatchObject([{ at: start, checks: bankPlan.checks, incrementSeconds: 10 }]);
    expect(metrics.asked).toEqual([]);
    expect(Math.max(...deadlines)).toBe(3000);
  });

  it('counts its times from the time that it is to begin', async () => {
    const { steps, forecast } = await world().preview({ startAt: start + 3_600_000 });
    expect(steps[0]?.at).toBe(start + 3_600_000);
    expect(forecast.endsAt).toBe(start + 3_600_000 + 240_000);
  });
});

describe('a preview says that a rollout would not start', () => {
  it('when metrics show nothing for stable', async () => {
    const { metrics, preview } = world();
    metrics.set('stable', mood.none);
    expect((await preview()).obstacle).toEqual({
      why: 'metrics show no requests for stable (v1): check its version label, or wait for traffic',
      patienceMs: 60_000,
    });
  });

  it('when no pod of the canary is ready', async () => {
    const { mesh, preview } = world();
    mesh.setImages(where, 'v2', podsOf(['v2', false]));
    expect((await preview()).obstacle).toEqual({
      why: 'v2 (canary) is not ready to be measured: none of its pods is ready',
      patienceMs: 600_000,
    });
  });

  it('when the labels of the canary select no pod, and names them', async () => {
    const { mesh, preview } = world();
    mesh.setImages(where, 'v2', { kind: 'known', pods: [] });
    expect((await preview()).obstacle?.why).toBe(
      'v2 (canary) is not ready to be measured: no pod in bank has the labels app=payments, version=v2: start one, or correct what selects it',
    );
  });

  it('while a hold order stands over the namespace of any of its VirtualServices', async () => {
    const edge = { namespace: 'edge', virtualService: 'gateway' };
    const over = { ...order, namespace: 'edge' };
    const made = world({ orders: [over] });
    made.mesh.add(edge);
    const target = { cluster: 'default', ...where, also: [edge] };
    expect((await made.preview({ target })).order).toEqual(over);
    expect((await made.preview()).order).toBeNull();
  });

  it('while a hold order stands over its target, and over no other', async () => {
    const eu = { ...order, cluster: 'eu' };
    const shop = { ...order, namespace: 'shop' };
    expect(await world({ orders: [eu, shop] }).preview()).toMatchObject({ order: null, obstacle: null });
    const narrow = { ...order, id: 'ho_2', cluster: 'default', namespace: 'bank' };
    const { order: over, obstacle } = await world({ orders: [narrow, eu, order] }).preview();
    expect(over).toEqual(order);
    expect(obstacle).toEqual({
      why: 'alice stopped every move forward in all clusters (DELETE /v1/hold/ho_1 lifts it): Black Friday',
      patienceMs: null,
    });
  });

  it('while requests from before would be held against the canary', async () => {
    const { metrics, preview } = world();
    metrics.set('canary', mood.healthy);
    expect((await preview()).obstacle?.why).toMatch(/^metrics still show 1000 requests on v2 from before/);
  });

  it('while its weights are not at rest, when it is asked for later', async () => {
    const { mesh, preview, metrics } = world();
    mesh.moveByAnotherHand(where, 30);
    const { obstacle, steps, survey } = await preview({ startAt: start + 60_000 });
    expect(obstacle?.why).toMatch(/not at rest now/);
    expect(steps.flatMap(({ changes }) => changes)).toEqual([]);
    expect([survey, metrics.surveyed]).toEqual([null, []]);
  });
});

describe('a preview while metrics cannot be read', () => {
  it('answers all the same, with a warning and no forecast', async () => {
    const { metrics, preview } = world();
    metrics.breakDown();
    const { obstacle, warnings, steps, survey } = await preview();
    const why = mood.unavailable.why;
    expect(obstacle).toEqual({ why: `no metrics: ${why}`, patienceMs: 60_000 });
    expect(warnings[0]).toBe(`Metrics show nothing, so that no number here is a forecast: ${why}.`);
    expect(steps[2]?.changes).toHaveLength(2);
    expect(steps[1]?.checks.map(({ risk, expectedRequests }) => [risk, expectedRequests])).toEqual([
      ['unknown', null],
      ['unknown', null],
    ]);
    expect(survey?.checks['p99']?.queries).toHaveLength(3);
  });

  it('is refused when the mesh is out of time', async () => {
    const { service } = world({ aborted: true });
    expect(await service.preview(request, alice)).toMatchObject({ kind: 'meshUnavailable' });
  });
});
