import { describe, expect, it } from 'vitest';
import type { MeshFailure, ShapeFault } from '../../src/rollout/ports/mesh.ts';
import type { CreateAnswer } from '../../src/rollout/service.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { alice, bodyAsWritten, rolloutId } from './rollouts.ts';

function create(service = fakeService(), url = '/v1/rollouts', headers: Record<string, string> = {}) {
  return ask(api({ service }), { method: 'POST', url, payload: bodyAsWritten, headers });
}

function refusing(
  answer: CreateAnswer & { kind: Exclude<CreateAnswer['kind'], 'created' | 'answeredBefore'> },
) {
  const service = fakeService();
  service.answers = { create: answer, preview: answer };
  return service;
}

describe('starting a rollout', () => {
  it('answers 202 with the rollout, and where it is found, without a host', async () => {
    const response = await create();
    expect(response.statusCode).toBe(202);
    expect(response.headers.location).toBe(`/v1/rollouts/${rolloutId}`);
    expect(response.json()).toMatchObject({
      id: rolloutId,
      status: 'preflight',
      versions: { stable: 'v1', canary: 'v2' },
      target: { namespace: 'payments', virtualService: 'payment-service', route: null },
      requestedBy: { kind: 'person', name: 'alice' },
      reason: 'CHG0041234',
      step: null,
      outcome: null,
    });
  });

  it('stores durations as seconds, ratios as 0..1, and defaults that nobody wrote', async () => {
    const { plan } = (await create()).json();
    expect(plan.steps).toEqual([
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: 300 },
      { type: 'promote', bake: 300 },
    ]);
    expect(plan.checks.errors).toEqual({
      metric: 'errorRate',
      max: 0.01,
      window: 60,
      failures: 2,
      minRequests: 100,
    });
  });

  it('takes the actor from the token, never from the body', async () => {
    const service = fakeService();
    await create(service);
    expect(service.asked).toMatchObject([{ kind: 'create', actor: alice }]);
  });

  it('shows nothing of a rollout that is not named in the contract', async () => {
    const body = (await create()).json();
    expect(Object.keys(body)).not.toContain('watch');
    expect(Object.keys(body.target)).not.toContain('uid');
    expect(Object.keys(body.target.stable)).toEqual(['host', 'subset', 'service', 'version']);
  });

  it('is refused while another rollout is live there, with a link to it', async () => {
    const by = 'ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YA';
    const problem = problemOf(await create(refusing({ kind: 'taken', by })));
    expect(problem).toMatchObject({
      type: '/problems/rollout-already-active',
      status: 409,
      activeRollout: `/v1/rollouts/${by}`,
      explanation: { traffic: 'Nothing was written and no traffic was moved.', actions: [] },
    });
  });

  it('is refused, at the start and as a dry run, with the window that spans too few scrapes', async () => {
    const message =
      'looks back 10 s, but metrics are scraped every 15 s: a window spans at least two scrapes (30 s)';
    const faults = [
      { path: ['checks', 'p99', 'window'], code: 'plan-inconsistent' as const, message },
      { path: ['checks', 'errors', 'window'], code: 'plan-inconsistent' as const, message },
    ];
    for (const url of ['/v1/rollouts', '/v1/rollouts?dryRun=all']) {
      expect(problemOf(await create(refusing({ kind: 'planUnfit', faults }), url))).toMatchObject({
        type: '/problems/plan-inconsistent',
        status: 422,
        detail: expect.stringMatching(/Nothing was started\.$/),
        errors: [
          { pointer: '/plan/checks/p99/window', code: 'plan-inconsistent', detail: message },
          { pointer: '/plan/checks/errors/window', code: 'plan-inconsistent', detail: message },
        ],
        explanation: { traffic: 'Nothing was written and no traffic was moved.', actions: [] },
      });
    }
  });

  it('is refused when the VirtualService does not exist', async () => {
    const problem = problemOf(await create(refusing({ kind: 'targetMissing' })));
    expect(problem).toMatchObject({
      type: '/problems/target-not-found',
      detail: 'There is no VirtualService "payment-service" in namespace "payments". Nothing was started.',
      errors: [{ pointer: '/target', code: 'target-not-found' }],
      explanation: {
        next: expect.stringMatching(/kubectl get virtualservice -n payments.*GET \/v1\/targets/),
      },
    });
    const target = { ...bodyAsWritten.target, cluster: 'eu' };
    const elsewhere = refusing({ kind: 'targetMissing' });
    const request = { method: 'POST' as const, url: '/v1/rollouts', payload: { ...bodyAsWritten, target } };
    expect(problemOf(await ask(api({ service: elsewhere }), request)).detail).toContain('of cluster "eu"');
  });

  const shapes: ShapeFault['code'][] = [
    'route-not-found',
    'route-ambiguous',
    'destination-not-in-route',
    'split-not-at-rest',
    'unsupported-shape',
    'canary-ambiguous',
    'subset-not-found',
    'service-not-found',
  ];
  it.each(shapes)('is refused with the path that is in the way: %s', async (code) => {
    const fault = { code, path: 'spec.http[0].route', message: 'three destinations have traffic' };
    const problem = problemOf(await create(refusing({ kind: 'targetShape', fault })));
    expect(problem.type).toBe(`/problems/${code}`);
    expect(problem.detail).toBe(
      'At spec.http[0].route of the VirtualService: three destinations have traffic',
    );
    expect(problem.errors).toMatchObject([
      { code, detail: 'spec.http[0].route: three destinations have traffic' },
    ]);
  });

  it.each([
    [null, 'names no cluster, but there are several: write one of "eu", "us"'],
    ['asia', 'is no cluster of this canaryd: write one of "eu", "us"'],
  ])('lists the clusters when the target names none that is known: %s', async (asked, detail) => {
    const response = await create(refusing({ kind: 'clusterUnknown', asked, clusters: ['eu', 'us'] }));
    const problem = problemOf(response);
    expect(problem).toMatchObject({ type: '/problems/cluster-unknown', status: 422 });
    expect(problem.detail).toContain('Clusters here: "eu", "us". Nothing was started.');
    expect(problem.errors).toEqual([{ pointer: '/target/cluster', code: 'cluster-unknown', detail }]);
  });

  const failures: MeshFailure['reason'][] = ['forbidden', 'unauthorized', 'throttled', 'denied', 'invalid'];
  const outages: MeshFailure['reason'][] = ['unreachable', 'timeout', 'serverError', 'unreadable'];
  it.each([
    ...failures,
    ...outages,
  ])('says why the cluster gave no answer, in own words: %s', async (reason) => {
    const failure: MeshFailure = {
      kind: 'unavailable',
      reason,
      why: 'GET https://admin:hunter2@10.0.0.1/apis',
    };
    const response = await create(refusing({ kind: 'meshUnavailable', failure }));
    expect(slugOf(response)).toBe('kubernetes-unavailable');
    expect(response.headers['retry-after']).toBe('5');
    expect(response.body).not.toMatch(/hunter2|10\.0\.0\.1/);
  });
});

describe('a dry run', () => {
  it('shows each step with its share, its start and every weight it would write', async () => {
    const service = fakeService();
    const response = await create(service, '/v1/rollouts?dryRun=all');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      dryRun: 'all',
      wouldStart: true,
      versions: { stable: 'v1', canary: 'v2' },
      totalSeconds: 600,
    });
    expect(response.json().steps[0]).toMatchObject({
      step: 0,
      type: 'setWeight',
      share: 5,
      startsInSeconds: 0,
      diff: [
        { op: 'replace', path: '/spec/http/0/route/0/weight', from: 100, value: 95 },
        { op: 'add', path: '/spec/http/0/route/1/weight', from: null, value: 5 },
      ],
    });
    expect(service.asked.map((one) => one.kind)).toEqual(['preview']);
  });

  it('is refused for the same reasons as the start', async () => {
    const by = 'ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YA';
    const taken = await create(refusing({ kind: 'taken', by }), '/v1/rollouts?dryRun=all');
    const missing = await create(refusing({ kind: 'targetMissing' }), '/v1/rollouts?dryRun=all');
    expect([slugOf(taken), slugOf(missing)]).toEqual(['rollout-already-active', 'target-not-found']);
  });

  it('is not kept under an Idempotency-Key', async () => {
    const service = fakeService();
    await create(service, '/v1/rollouts?dryRun=all', { 'idempotency-key': 'k1' });
    expect((await create(service, '/v1/rollouts', { 'idempotency-key': 'k1' })).statusCode).toBe(202);
  });
});
