import { beforeEach, describe, expect, it } from 'vitest';
import { rolloutService } from '../../src/rollout/service.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { aRollout, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { type MemoryStore, memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { now, rolloutIn, running } from './rollouts.ts';

const [healthy, damaged] = [rolloutId(1), rolloutId(2)];
const breakGlass = 'canaryd break-glass rollback --virtual-service=payment-prod/ledger';

function appOn(rollouts: MemoryStore) {
  const mesh = fakeMesh();
  mesh.add({ namespace: 'payment-prod', virtualService: 'payment-service' });
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics: fakeMetrics(),
    rollouts,
    holds: memoryHolds(() => start),
    newId: () => rolloutId(9),
    deadline: () => new AbortController().signal,
  });
  return api({ service });
}

describe('a rollout that this version cannot read', () => {
  let store: MemoryStore;
  let app: ReturnType<typeof appOn>;

  beforeEach(async () => {
    store = memoryStore({ now: () => start });
    await store.create(aRollout({ id: healthy }), [], null);
    await store.create(aRollout({ id: damaged, target: targetNamed('ledger') }), [], null);
    store.spoil(damaged);
    app = appOn(store);
  });

  it('is listed with what is known of it, among all the others', async () => {
    const answer = await ask(app, { url: '/v1/rollouts' });
    expect(answer.statusCode).toBe(200);
    const { data } = answer.json();
    expect(data).toMatchObject([
      {
        id: damaged,
        unreadable: true,
        status: 'running',
        target: { cluster: 'default', namespace: 'payment-prod', virtualService: 'ledger' },
        quarantine: null,
        explanation: { next: expect.stringContaining(breakGlass), actions: [] },
      },
      { id: healthy, status: 'running', quarantine: null },
    ]);
    expect(data[1]).not.toHaveProperty('unreadable');
  });

  it('counts as a row of its page, so that no cursor skips another', async () => {
    const first = (await ask(app, { url: '/v1/rollouts?limit=1' })).json();
    expect(first).toMatchObject({ data: [{ id: damaged }], page: { hasMore: true, nextCursor: damaged } });
    const rest = (await ask(app, { url: `/v1/rollouts?cursor=${damaged}` })).json();
    expect(rest.data).toMatchObject([{ id: healthy }]);
  });

  it('answers whatever is asked about it with a problem that names the way out', async () => {
    const answers = await Promise.all([
      ask(app, { url: `/v1/rollouts/${damaged}` }),
      ask(app, { url: `/v1/rollouts/${damaged}/status` }),
      ask(app, { url: `/v1/rollouts/${damaged}/events` }),
      ask(app, { url: `/v1/rollouts/${damaged}/approvals` }),
      ask(app, { method: 'POST', url: `/v1/rollouts/${damaged}/actions/rollback` }),
    ]);
    for (const answer of answers) {
      expect(slugOf(answer)).toBe('rollout-unreadable');
      expect(answer.headers['retry-after']).toBe('5');
      const { detail, explanation, allowedActions } = problemOf(answer);
      expect(detail).toContain(breakGlass);
      expect(explanation?.traffic).toContain('kubectl get virtualservice ledger -n payment-prod');
      expect(allowedActions).toEqual([]);
    }
  });

  it('hides nothing from those who approve', async () => {
    const answer = await ask(app, { url: '/v1/approvals' });
    expect([answer.statusCode, answer.json()]).toEqual([200, { data: [] }]);
  });

  it('keeps no succeeded rollout of the same VirtualService from being taken back', async () => {
    const ended = aRollout({ id: healthy, state: { kind: 'succeeded', at: start } });
    const change = { rollout: ended, events: [], nextAt: null };
    await store.command(healthy, () => ({ change, answer: null, remember: null }));
    const later = aRollout({ id: rolloutId(3) });
    await store.create(later, [], null);
    const rolledBack = {
      kind: 'rolledBack' as const,
      at: start,
      since: start,
      cause: { kind: 'operator' as const, reason: null },
      by: later.requestedBy,
    };
    const end = { rollout: { ...later, state: rolledBack }, events: [], nextAt: null };
    await store.command(later.id, () => ({ change: end, answer: null, remember: null }));
    store.spoil(later.id);
    const answer = await ask(app, { method: 'POST', url: `/v1/rollouts/${healthy}/actions/rollback` });
    // The canary has no traffic in this mesh: a refusal of its own, and not the row that cannot be read.
    expect(slugOf(answer)).toBe('invalid-transition');
  });
});

describe('a rollout in quarantine', () => {
  function quarantined() {
    const service = fakeService([rolloutIn(running)]);
    service.trouble = { failures: 6, why: 'TypeError', quarantinedAt: now - 60_000 };
    return { service, app: api({ service }), path: `/v1/rollouts/${service.rollouts[0]?.id}` };
  }

  it('says so wherever it is shown, with since when, how often and why', async () => {
    const { app, path } = quarantined();
    const quarantine = { since: '2026-11-24T13:59:00.000Z', failures: 6, why: 'TypeError' };
    const shown = (await ask(app, { url: path })).json();
    const listed = (await ask(app, { url: '/v1/rollouts' })).json().data[0];
    expect([shown.quarantine, listed.quarantine]).toEqual([quarantine, quarantine]);
    expect([shown.statusReason, shown.status]).toEqual(['quarantined', 'running']);
    expect(shown.allowedActions).toContain('rollback');
  });

  it('needs a person, and its status says what to type', async () => {
    const { app, path } = quarantined();
    const status = (await ask(app, { url: `${path}/status` })).json();
    expect(status).toMatchObject({
      exitCode: 10,
      statusReason: 'quarantined',
      quarantine: { failures: 6 },
      explanation: {
        what: expect.stringContaining('failed 6 times in a row, the last time with TypeError.'),
        next: expect.stringContaining(`POST ${path}/actions/rollback`),
      },
    });
    const text = await ask(app, { url: `${path}/status`, headers: { accept: 'text/plain' } });
    expect(text.body).toContain('exit=10 status=running\nQuarantined since 13:59:00Z');
    expect(text.body).toContain('break-glass rollback --virtual-service=payments/payment-service');
  });
});
