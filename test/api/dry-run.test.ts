import { describe, expect, it } from 'vitest';
import { PreviewOnWire } from '../../src/api/preview-wire.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { api, ask } from './api.ts';
import { alice, now, planAsWritten, rolloutId } from './rollouts.ts';

const where = { namespace: 'payments', virtualService: 'payment-service' };

/** The real service behind the API, over a mesh at rest with 1000 requests of stable in 60 s. */
function world(orders: HoldOrder[] = []) {
  const mesh = fakeMesh();
  mesh.add(where);
  const metrics = fakeMetrics();
  metrics.set('canary', mood.idle);
  const rollouts = memoryStore({ now: () => now });
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics,
    rollouts,
    holds: { standing: async () => orders },
    newId: () => rolloutId,
    deadline: () => new AbortController().signal,
  });
  const app = api({ service });
  const dryRun = async (plan: object = planAsWritten) => {
    const payload = { target: where, plan };
    const response = await ask(app, { method: 'POST', url: '/v1/rollouts?dryRun=all', payload });
    expect(response.statusCode).toBe(200);
    const body: unknown = response.json();
    const preview = PreviewOnWire.parse(body);
    expect(preview).toEqual(body);
    return preview;
  };
  return { metrics, rollouts, mesh, dryRun };
}

describe('a dry run', () => {
  it('shows stable now, the limit, the queries and what they are for', async () => {
    const { dryRun } = world();
    const { wouldStart, why, checks, guards, requestsPerSecond } = await dryRun();
    expect({ wouldStart, why }).toEqual({ wouldStart: true, why: null });
    expect(requestsPerSecond).toBe(16.7);
    expect(checks.map(({ check }) => check)).toEqual(['errors', 'p99']);
    expect(checks[1]).toEqual({
      check: 'p99',
      metric: 'p99LatencyMs',
      template: null,
      unit: 'ms',
      breach: 'above',
      limit: 300,
      windowSeconds: 60,
      minRequests: 100,
      mode: 'enforce',
      severity: 'critical',
      fromRule: null,
      now: {
        stable: {
          kind: 'value',
          value: 120,
          requests: 1000,
          bucket: { lowerMs: 100, upperMs: 250 },
          why: null,
        },
      },
      verdictIfLikeStable: 'pass',
      bucket: {
        lowerMs: 250,
        upperMs: 500,
        annotation: {
          name: 'sidecar.istio.io/statsHistogramBuckets',
          value: expect.stringMatching(
            /^\{"istiocustom\.istio_request_duration_milliseconds":\[0\.5,1,.*,250,300,500,.*\]\}$/,
          ),
        },
      },
      queries: [
        { purpose: 'value', query: 'p99LatencyMs(60s)' },
        { purpose: 'requests', query: 'requests(60s)' },
        { purpose: 'buckets', query: 'buckets(60s)' },
      ],
    });
    expect(guards.queries.map(({ purpose }) => purpose)).toEqual(['callers', 'counters', 'history']);
  });

  it('shows for each bake whether it can judge, and what would help', async () => {
    const { steps, warnings, estimatedEnd } = await world().dryRun({ ...planAsWritten, judge: 'threshold' });
    expect(steps.map(({ at, checks }) => [at, checks.length])).toEqual([
      ['2026-11-24T14:00:00.000Z', 0],
      ['2026-11-24T14:00:00.000Z', 2],
      ['2026-11-24T14:05:00.000Z', 2],
    ]);
    expect(steps[1]?.checks[0]).toEqual({
      check: 'errors',
      limit: 0.01,
      minRequests: 100,
      expectedRequests: 50,
      risk: 'inconclusive_likely',
      hint: 'at 16.7 requests/s, 5 % brings 50 requests in 60 s, and 100 are needed: use a window of at least 120 s or a weight of at least 10 %',
    });
    expect(warnings).toHaveLength(3);
    expect(steps[2]?.checks[0]).toMatchObject({ risk: 'none' });
    expect([steps[1]?.exposure, steps[2]?.exposure]).toEqual([null, { seconds: 27, requests: 450 }]);
    expect(estimatedEnd).toBe('2026-11-24T14:10:00.000Z');
  });

  it('shows what the sequential judge is going to see in each bake, and what it goes by', async () => {
    const { judged, steps, warnings } = await world().dryRun();
    expect(judged).toEqual({ stableErrorRate: 0, noiseFactor: 2, noiseFrom: 'assumed' });
    expect(steps.map(({ checks, sight }) => [checks.length, sight?.expectedRequests ?? null])).toEqual([
      [0, null],
      [0, 250],
      [0, 5000],
    ]);
    const { sight } = steps[1] ?? {};
    expect(sight?.leastErrorRate).toBeCloseTo(0.03, 2);
    expect(sight?.leastSlowdown).toBeGreaterThan(1);
    expect(sight?.hint).toMatch(/^at 16[.]7 requests\/s, 5 % brings 250 in 5 min; 5xx show from /);
    expect(sight?.checks).toMatchObject(
      [
        { check: 'errors', limit: 0.01, rate: 0.01, risk: 'unseen', hint: /: use a bake of at least \d+ s/ },
        { check: 'p99', limit: 300, rate: 0.02, risk: 'unseen', hint: /300 ms/ },
      ].map((one) => ({ ...one, hint: expect.stringMatching(one.hint) })),
    );
    for (const { requests, bakeSeconds, requestsAtRisk } of sight?.checks ?? []) {
      expect(bakeSeconds).toBeGreaterThan(300);
      expect(requests).toBeGreaterThan(250);
      expect(requestsAtRisk).toBeLessThan(requests ?? 0);
    }
    expect(warnings.filter((text) => text.includes('cannot see what the limit says'))).toHaveLength(2);
    expect(steps[1]?.exposure?.requests).toBeGreaterThan(5);
  });

  it('names who has to approve, and who may not', async () => {
    const [weight, bake, promote] = planAsWritten.steps;
    const approval = { type: 'approval', count: 2, expires: '2h' };
    const { approvals } = await world().dryRun({
      ...planAsWritten,
      steps: [weight, bake, approval, promote],
    });
    expect(approvals).toEqual([
      { step: 2, count: 2, excludes: [{ kind: 'person', name: 'alice' }], expiresSeconds: 7200 },
    ]);
  });

  it('shows how the API server answers its first write and the way back', async () => {
    const { mesh, dryRun } = world();
    mesh.failNextRehearsal({ kind: 'unknown', why: 'a webhook does not support dry run' });
    const why = 'no weights on Friday';
    mesh.failNextRehearsal({ kind: 'refused', reason: 'denied', why });
    const { writes, wouldStart, ...rest } = await dryRun();
    expect(writes).toEqual([
      { write: 'first', share: 5, outcome: 'unknown', why: 'a webhook does not support dry run' },
      { write: 'way_back', share: 0, outcome: 'refused', why },
    ]);
    expect(wouldStart).toBe(false);
    expect(rest.why).toBe(
      'The API server would refuse the way back to 0 %: no weights on Friday; mend what the webhook names, or have the VirtualService exempted from it.',
    );
  });

  it('shows what else sends requests to the canary', async () => {
    const { mesh, dryRun } = world();
    const route = { namespace: 'qa', virtualService: 'tester', route: null, path: 'spec.tcp[0].route[0]' };
    const found = {
      routes: [{ ...route, match: 'port 9000', kind: 'route' as const, share: 12.5 }],
      unknown: [{ namespace: null, why: 'forbidden' }],
    };
    mesh.setOtherRoutes(where, found);
    expect((await dryRun()).otherRoutes).toEqual({ ...found, more: 0, direct: null });
  });

  it('shows the hold order that is in force', async () => {
    const id = 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC';
    const { hold, wouldStart, why } = await world([
      { id, cluster: null, namespace: 'payments', by: alice, reason: null, at: now },
    ]).dryRun();
    expect(hold).toMatchObject({ id, namespace: 'payments', by: alice });
    expect(wouldStart).toBe(false);
    expect(why).toBe(
      `Alice stopped every move forward in namespace payments of all clusters (DELETE /v1/hold/${id} lifts it); it would wait until that has passed.`,
    );
  });

  it('answers without numbers when metrics cannot be read, and says so', async () => {
    const { metrics, dryRun } = world();
    metrics.breakDown();
    const { wouldStart, why, checks, steps, requestsPerSecond, warnings } = await dryRun();
    expect(wouldStart).toBe(false);
    expect(why).toBe(
      'No metrics: Prometheus at metrics.test refused the connection; it would wait at most 60 s.',
    );
    expect(checks.map((check) => [check.now, check.verdictIfLikeStable, check.queries.length])).toEqual([
      [null, null, 1],
      [null, null, 3],
    ]);
    expect(requestsPerSecond).toBeNull();
    expect(steps[0]?.diff).toHaveLength(2);
    expect(steps[1]?.sight).toMatchObject({
      expectedRequests: null,
      leastErrorRate: null,
      checks: [{ risk: 'unknown', hint: expect.stringMatching(/^not known: .* refused the/) }, {}],
    });
    expect(warnings[0]).toMatch(/^Metrics show nothing, .* refused the connection\.$/);
  });

  it('writes nothing down and moves no weight', async () => {
    const { rollouts, mesh, dryRun } = world();
    await dryRun();
    expect(await rollouts.list({ limit: 10 })).toEqual([]);
    expect(mesh.writes(where)).toEqual([]);
  });

  it('tells a stable without requests from metrics that cannot be read', async () => {
    const { metrics, dryRun } = world();
    metrics.set('stable', mood.none);
    const { checks, why } = await dryRun();
    expect(checks[0]?.now).toMatchObject({ stable: { kind: 'none' } });
    expect(why).toMatch(/^Metrics show no requests for stable \(v1\)/);
  });
});
