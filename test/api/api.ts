import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import { sha256 } from '../../src/api/plan-digest.ts';
import { Problem } from '../../src/api/problem.ts';
import { problemKinds } from '../../src/api/problems.ts';
import type { ApiDeps } from '../../src/api/route.ts';
import { buildServer } from '../../src/api/server.ts';
import { parseTokens, type TokenTable } from '../../src/api/tokens.ts';
import { alertService } from '../../src/rollout/alert-service.ts';
import { holdService } from '../../src/rollout/hold-orders.ts';
import { planService } from '../../src/rollout/plans.ts';
import { targetService } from '../../src/rollout/targets.ts';
import { memoryAlerts } from '../fakes/alerts.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { memoryPlans } from '../fakes/plans.ts';
import { memoryStore } from '../fakes/store.ts';
import { memoryTargets } from '../fakes/targets.ts';
import { fakeService } from './fake-service.ts';
import { now } from './rollouts.ts';

export const aliceToken = 'alice-token-0123456789abcdef';
export const ciToken = 'ci-token-0123456789abcdef-xyz';

/** A table with one person and one machine. */
export function tokens(): TokenTable {
  const read = parseTokens(
    JSON.stringify([
      { token: aliceToken, kind: 'person', name: 'alice' },
      { token: ciToken, kind: 'machine', name: 'github:acme/payments' },
    ]),
  );
  if (read.kind === 'faults') throw new Error(read.faults.join('; '));
  return read.table;
}

/** The server with a fake service behind it. */
export function api(deps: Partial<ApiDeps> = {}): FastifyInstance {
  return buildServer({
    service: fakeService(),
    plans: planService({ library: memoryPlans(() => now), digest: sha256 }),
    targets: targetService({
      clusters: ['default'],
      mesh: fakeMesh(),
      records: memoryTargets([]),
      deadline: () => new AbortController().signal,
    }),
    holds: holdService({
      holds: memoryHolds(() => now),
      rollouts: memoryStore({ now: () => now }),
      clusters: ['default'],
      newId: () => 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
    }),
    alerts: alertService({ received: memoryAlerts(() => now), clusters: ['default'] }),
    tokens: tokens(),
    readiness: async () => ({ database: { ok: true } }),
    metricsText: async () => 'canary_weight{kind="applied"} 5\n',
    ...deps,
  });
}

/** Sends a request as alice. Headers that are given win. */
export function ask(app: FastifyInstance, request: InjectOptions): Promise<LightMyRequestResponse> {
  return app.inject({ ...request, headers: { authorization: `Bearer ${aliceToken}`, ...request.headers } });
}

/** The problem that was answered, checked against its schema, its status and its media type. */
export function problemOf(response: LightMyRequestResponse): Problem {
  const body: unknown = response.json();
  const problem = Problem.parse(body);
  expect(problem).toEqual(body);
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(problem.status).toBe(response.statusCode);
  const kind = Object.entries(problemKinds).find(([slug]) => problem.type === `/problems/${slug}`)?.[1];
  expect(kind).toMatchObject({ status: response.statusCode, title: problem.title });
  return problem;
}

/** The slug of the problem that was answered. */
export function slugOf(response: LightMyRequestResponse): string {
  return problemOf(response).type.replace('/problems/', '');
}
