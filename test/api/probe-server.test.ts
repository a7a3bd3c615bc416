import { describe, expect, it } from 'vitest';
import { buildProbeServer } from '../../src/api/server.ts';
import { slugOf } from './api.ts';

function aWorker(database = true) {
  return buildProbeServer({
    readiness: async () => ({ database: { ok: database }, queue: { ok: false, optional: true } }),
    metricsText: async () => 'canaryd_turns_total{end="done"} 5\n',
  });
}

describe('a process that only takes turns', () => {
  it('answers probes and metrics without a token', async () => {
    const app = aWorker();
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await app.inject('/readyz')).json()).toMatchObject({ status: 'ready' });
    const metrics = await app.inject('/metrics');
    expect(metrics.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(metrics.body).toContain('canaryd_turns_total');
  });

  it('is alive and not ready without its database', async () => {
    const app = aWorker(false);
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    const ready = await app.inject('/readyz');
    expect([ready.statusCode, slugOf(ready)]).toEqual([503, 'not-ready']);
  });

  it('answers nothing else: no rollout, no contract, no page', async () => {
    const app = aWorker();
    for (const path of ['/v1/rollouts', '/v1/me', '/openapi.yaml', '/docs', '/'])
      expect(slugOf(await app.inject(path)), path).toBe('not-found');
    expect(slugOf(await app.inject({ method: 'POST', url: '/healthz' }))).toBe('method-not-allowed');
    expect((await app.inject('/v1/rollouts')).headers['x-content-type-options']).toBe('nosniff');
  });
});
