import { describe, expect, it } from 'vitest';
import type { AuditRow } from '../../src/rollout/audit.ts';
import type { CheckResult } from '../../src/rollout/rollout.ts';
import type { State } from '../../src/rollout/state.ts';
import { api, ask, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { alice, latencyCause, now, rolledBack, rolloutId, rolloutIn, running } from './rollouts.ts';

const path = `/v1/rollouts/${rolloutId}`;

function get(url: string, state: State = running, headers: Record<string, string> = {}) {
  return ask(api({ service: fakeService([rolloutIn(state)]) }), { method: 'GET', url, headers });
}

describe('a rollout', () => {
  it('says in whole sentences what happened, where traffic is and what comes next', async () => {
    const { explanation, nextAt, weight, step, links } = (await get(path)).json();
    expect(explanation).toMatchObject({
      traffic: expect.stringContaining('5 %'),
      actions: expect.arrayContaining(['rollback']),
    });
    expect(nextAt).toBe('2026-11-24T14:00:04.000Z');
    expect(weight).toEqual({ desired: 5, applied: 5, observed: null });
    expect(step).toEqual({ index: 1, total: 3, type: 'bake' });
    expect(links).toEqual({
      self: path,
      status: `${path}/status`,
      events: `${path}/events`,
      measurements: `${path}/measurements`,
      judgements: `${path}/judgements`,
      approvals: `${path}/approvals`,
      audit: `/v1/audit?rolloutId=${rolloutId}`,
    });
  });

  it('that went back names value, unit, limit and requests', async () => {
    const { outcome, statusReason } = (await get(path, rolledBack)).json();
    expect(statusReason).toBe('analysis_failed');
    expect(outcome).toEqual({
      cause: 'check',
      check: 'p99',
      metric: 'p99LatencyMs',
      unit: 'ms',
      value: 412,
      stableValue: 191,
      limit: 300,
      bucket: { lowerMs: 250, upperMs: 500 },
      requests: 18_204,
      failures: 2,
      windowSeconds: 60,
      reason: null,
      judgement: null,
      by: { kind: 'canaryd', name: 'canaryd' },
      stuck: null,
      endedAt: '2026-11-24T13:59:59.000Z',
    });
  });

  it('that went back for a P99 above the highest bucket says so, and names no number', async () => {
    const cause = { ...latencyCause, value: Number.MAX_VALUE, stable: 3_600_001, bucket: null };
    const { outcome } = (await get(path, { ...rolledBack, cause })).json();
    expect(outcome).toMatchObject({ value: null, stableValue: null, reason: 'above the highest bucket' });
  });

  it('that went back for a breach that stable shared names both values', async () => {
    const cause = {
      kind: 'environmentLimit' as const,
      check: 'errors',
      metric: 'errorRate' as const,
      value: 0.05,
      stable: 0.06,
      limit: 0.01,
      requests: 812,
      seconds: 300,
    };
    const { outcome, statusReason } = (await get(path, { ...rolledBack, cause })).json();
    expect(statusReason).toBe('environment_limit');
    expect(outcome).toMatchObject({
      cause: 'environment_limit',
      check: 'errors',
      metric: 'errorRate',
      unit: 'ratio',
      value: 0.05,
      stableValue: 0.06,
      limit: 0.01,
      requests: 812,
      bucket: null,
    });
  });

  it('is not sent again while its revision stands', async () => {
    const first = await get(path);
    expect(first.headers.etag).toBe('"7"');
    for (const known of ['"7"', 'W/"7"', '"6", "7"', '*']) {
      const again = await get(path, running, { 'if-none-match': known });
      expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', '"7"']);
    }
    expect((await get(path, running, { 'if-none-match': '"6"' })).statusCode).toBe(200);
  });

  it('shows the last verdict of each check, and a value above all buckets as no number', async () => {
    const p99: CheckResult = {
      verdict: 'fail',
      canary: {
        kind: 'value',
        value: 3_600_001,
        requests: 640,
      },
      stable: { kind: 'tooFew', requests: 3, needed: 100 },
      limit: 300,
      at: now,
      failuresInARow: 1,
    };
    const fresh = rolloutIn(running);
    const service = fakeService([{ ...fresh, watch: { ...fresh.watch, results: { p99 } } }]);
    const { checks } = (await ask(api({ service }), { url: path })).json();
    expect(checks[0]).toMatchObject({
      id: 'errors',
      unit: 'ratio',
      limit: 0.01,
      verdict: null,
      canary: null,
    });
    expect(checks[1]).toMatchObject({
      id: 'p99',
      unit: 'ms',
      verdict: 'fail',
      failuresInARow: 1,
      failuresToRollBack: 2,
      canary: {
        kind: 'value',
        value: null,
        requests: 640,
        bucket: null,
        why: 'above the highest bucket',
      },
      stable: { kind: 'too_few', value: null, requests: 3, why: '100 requests needed' },
      measuredAt: '2026-11-24T14:00:00.000Z',
    });
  });
});

describe('the list of rollouts', () => {
  const ids = ['A', 'B', 'C', 'D'].map((letter) => `ro_01KB4ZJ5Q8X2V7N3M6R9T0W1Y${letter}`).reverse();
  const rollouts = ids.map((id, index) => rolloutIn(index === 0 ? running : rolledBack, { id }));
  const app = api({ service: fakeService(rollouts) });

  it('comes in pages, newest first', async () => {
    const first = (await ask(app, { url: '/v1/rollouts?limit=3' })).json();
    expect(first.data.map((one: { id: string }) => one.id)).toEqual(ids.slice(0, 3));
    expect(first.page).toEqual({ nextCursor: ids[2], hasMore: true });
    const second = (await ask(app, { url: `/v1/rollouts?limit=3&cursor=${ids[2]}` })).json();
    expect(second.data.map((one: { id: string }) => one.id)).toEqual(ids.slice(3));
    expect(second.page).toEqual({ nextCursor: null, hasMore: false });
  });

  it.each([
    ['status=running', 1],
    ['status=running,rolled_back', 4],
    ['status=paused', 0],
    ['namespace=payments&virtualService=payment-service', 4],
    ['namespace=other', 0],
  ])('is filtered by %s', async (query, count) => {
    expect((await ask(app, { url: `/v1/rollouts?${query}` })).json().data).toHaveLength(count);
  });
});

describe("a rollout's status, for a pipeline", () => {
  const rows: [string, State, number][] = [
    ['succeeded', { kind: 'succeeded', at: now }, 0],
    ['rolled_back', rolledBack, 3],
    ['rolled_back', { ...rolledBack, cause: { kind: 'operator', reason: null }, by: alice }, 4],
    ['cancelled', { kind: 'cancelled', at: now, by: alice, reason: null }, 4],
    ['preflight_failed', { kind: 'preflightFailed', at: now, why: 'the canary has no ready pod' }, 6],
    ['running', running, 8],
    ['paused', paused(), 8],
    [
      'rollback_failed',
      {
        kind: 'rollbackFailed',
        at: now,
        cause: rolledBack.cause,
        why: 'gone',
      },
      10,
    ],
  ];

  it.each(rows)('%s has an exit code, in the body and in a header', async (status, state, exitCode) => {
    const response = await get(`${path}/status`, state);
    expect(response.json()).toMatchObject({
      id: rolloutId,
      revision: 7,
      status,
      exitCode,
      terminal: exitCode !== 8,
    });
    expect(response.headers['rollout-exit-code']).toBe(String(exitCode));
  });

  it('hands over to a person at a pause only when asked to', async () => {
    expect((await get(`${path}/status?exitOnPause=true`, paused())).json().exitCode).toBe(9);
    expect((await get(`${path}/status?exitOnPause=false`, paused())).json().exitCode).toBe(8);
    expect((await get(`${path}/status?exitOnPause=true`)).json().exitCode).toBe(8);
  });

  it('needs no JSON: the first line of text is for sh, the others for people', async () => {
    const response = await get(`${path}/status`, rolledBack, { accept: 'text/plain' });
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8');
    const [first, ...sentences] = response.body.split('\n');
    expect(first).toBe('exit=3 status=rolled_back');
    expect(sentences.join(' ')).toMatch(/412 ms.*300 ms.*18204 requests/);
    expect(response.body.endsWith('\n')).toBe(true);
  });

  it('is JSON for curl, which accepts anything', async () => {
    expect((await get(`${path}/status`, running, { accept: '*/*' })).headers['content-type']).toMatch(
      /^application\/json/,
    );
  });
});

function paused(): State {
  const position = { step: 1, startedAt: now - 100_000, overridden: false, bakeEnded: false };
  return { kind: 'paused', position, since: now - 1000, reason: { kind: 'operator', by: alice, note: null } };
}

describe('audit rows', () => {
  const rows: AuditRow[] = [1, 2, 3].map((seq) => ({
    number: 100 + seq,
    seq,
    rolloutId,
    subject: rolloutId,
    at: now + seq * 1000,
    type: 'weight.applied',
    actor: { kind: 'canaryd', name: 'canaryd' },
    message: `The canary has ${seq} % of traffic.`,
    facts: { sharePercent: seq },
  }));

  function withRows() {
    const service = fakeService();
    service.rows = rows;
    return service;
  }

  it('of one rollout come in their order, page by page', async () => {
    const app = api({ service: withRows() });
    const first = (await ask(app, { url: `${path}/events?limit=2` })).json();
    expect(first.page).toEqual({ nextAfter: 2, hasMore: true });
    expect(first.data[0]).toEqual({
      number: 101,
      seq: 1,
      rolloutId,
      subject: rolloutId,
      at: '2026-11-24T14:00:01.000Z',
      type: 'weight.applied',
      actor: { kind: 'canaryd', name: 'canaryd' },
      message: 'The canary has 1 % of traffic.',
      facts: { sharePercent: 1 },
    });
    const second = (await ask(app, { url: `${path}/events?after=2` })).json();
    expect(second).toMatchObject({ data: [{ seq: 3 }], page: { nextAfter: 3, hasMore: false } });
  });

  it('of a rollout that does not exist are not found', async () => {
    expect(slugOf(await ask(api(), { url: '/v1/rollouts/ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YD/events' }))).toBe(
      'not-found',
    );
  });

  it('of all rollouts are filtered by rollout, actor, type and time', async () => {
    const service = withRows();
    const query = `rolloutId=${rolloutId}&actor=alice&type=weight.applied&since=2026-11-24T14:00:00Z&until=2026-11-24T15:00:00%2B00:00&after=7&limit=10`;
    expect((await ask(api({ service }), { url: `/v1/audit?${query}` })).statusCode).toBe(200);
    expect(service.auditQueries).toEqual([
      {
        rolloutId,
        actor: 'alice',
        type: 'weight.applied',
        since: now,
        until: now + 3_600_000,
        afterNumber: 7,
        limit: 11,
      },
    ]);
  });

  it('are exported one a line, with a link to the next page', async () => {
    const app = api({ service: withRows() });
    const headers = { accept: 'application/x-ndjson' };
    const response = await ask(app, { url: '/v1/audit?actor=canaryd&limit=2', headers });
    expect(response.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    const lines = response.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ number: 101 }, { number: 102 }]);
    expect(response.headers.link).toBe('</v1/audit?actor=canaryd&limit=2&after=102>; rel="next"');
    const last = await ask(app, { url: '/v1/audit?actor=canaryd&limit=2&after=102', headers });
    expect([last.body.split('\n').length, last.headers.link]).toEqual([2, undefined]);
  });

  it.each([
    'since=yesterday',
    'type=nothing',
    'rolloutId=42',
    'after=-1',
    'actr=alice',
  ])('refuses %s', async (query) => {
    expect(slugOf(await ask(api(), { url: `/v1/audit?${query}` }))).toBe('malformed-request');
  });
});
