import { describe, expect, it } from 'vitest';
import { csvOf } from '../../src/api/csv.ts';
import type { MeasurementOnWire } from '../../src/api/measurement.ts';
import type { MeasuredPoll } from '../../src/rollout/ports/live.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { now, rolloutId } from './rollouts.ts';

const path = `/v1/rollouts/${rolloutId}/measurements`;

/** The poll of the nth minute: a P99 that passes, and too few requests for errors. */
function poll(minute: number, changes: Partial<MeasuredPoll> = {}): MeasuredPoll {
  return {
    at: now + minute * 60_000,
    step: minute < 2 ? 0 : 1,
    share: 5,
    checks: {
      p99: {
        canary: { kind: 'value', value: 212.4, requests: 640, bucket: { lowerMs: 100, upperMs: 250 } },
        stable: { kind: 'value', value: 198.1, requests: 12_000 },
        judged: { verdict: 'pass', limit: 300, failuresInARow: 0 },
      },
      errors: {
        canary: { kind: 'tooFew', requests: 3, needed: 100 },
        stable: { kind: 'none' },
        judged: { verdict: 'inconclusive', limit: 0.01, failuresInARow: 1 },
      },
    },
    verdict: null,
    ...changes,
  };
}

function world(polls: MeasuredPoll[]) {
  const service = fakeService();
  service.polls.push(...polls);
  return { app: api({ service }), service };
}

const minutes = (data: { at: string }[]) => data.map(({ at }) => (Date.parse(at) - now) / 60_000);

describe('the measurements of a rollout', () => {
  it('are one row for each poll and check, with both values, limit and verdict', async () => {
    const { app } = world([poll(0)]);
    const { data, page } = (await ask(app, { url: path })).json();
    expect(data).toHaveLength(2);
    expect(data[0]).toEqual({
      at: '2026-11-24T14:00:00.000Z',
      step: 0,
      weight: 5,
      check: 'p99',
      metric: 'p99LatencyMs',
      unit: 'ms',
      limit: 300,
      verdict: 'pass',
      failuresInARow: 0,
      canary: {
        kind: 'value',
        value: 212.4,
        requests: 640,
        bucket: { lowerMs: 100, upperMs: 250 },
        why: null,
      },
      stable: { kind: 'value', value: 198.1, requests: 12_000, bucket: null, why: null },
    });
    expect(data[1]).toMatchObject({ check: 'errors', verdict: 'inconclusive', canary: { kind: 'too_few' } });
    expect(page).toEqual({ nextSince: '2026-11-24T14:00:00.001Z', hasMore: false });
  });

  it('are the newest polls by default, the oldest of them first', async () => {
    const { app } = world([0, 1, 2, 3].map((minute) => poll(minute)));
    const { data } = (await ask(app, { url: `${path}?limit=2&check=p99` })).json();
    expect(minutes(data)).toEqual([2, 3]);
  });

  it('come in pages by time', async () => {
    const { app } = world([0, 1, 2].map((minute) => poll(minute)));
    const since = new Date(now).toISOString();
    const first = await ask(app, { url: `${path}?limit=2&check=p99&since=${since}` });
    expect([minutes(first.json().data), first.json().page.hasMore]).toEqual([[0, 1], true]);
    const next = /<(.*)>; rel="next"/.exec(String(first.headers.link))?.[1] ?? '';
    expect(next).toMatch(/^\/v1\/rollouts\//);
    const second = await ask(app, { url: next });
    expect([minutes(second.json().data), second.json().page.hasMore]).toEqual([[2], false]);
    expect(second.headers.link).toBeUndefined();
  });

  it('are filtered by step and check', async () => {
    const { app } = world([0, 1, 2].map((minute) => poll(minute)));
    const { data } = (await ask(app, { url: `${path}?step=0&check=errors` })).json();
    expect(data.map((one: MeasurementOnWire) => [one.step, one.check])).toEqual([
      [0, 'errors'],
      [0, 'errors'],
    ]);
    expect((await ask(app, { url: `${path}?check=unknown` })).json()).toEqual({
      data: [],
      page: { nextSince: null, hasMore: false },
    });
  });

  it('that an older version kept have no verdict, step or weight, and the limit of the plan', async () => {
    const p99 = { canary: { kind: 'none' }, stable: { kind: 'none' }, judged: null } as const;
    const { app } = world([poll(0, { step: null, share: null, checks: { p99 } })]);
    expect((await ask(app, { url: path })).json().data[0]).toMatchObject({
      step: null,
      weight: null,
      verdict: null,
      failuresInARow: null,
      limit: 300,
    });
  });

  it('come as a table for a spreadsheet', async () => {
    const { app } = world([poll(0)]);
    const byQuery = await ask(app, { url: `${path}?format=csv` });
    expect(byQuery.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(byQuery.headers['content-disposition']).toBe(
      `attachment; filename="${rolloutId}-measurements.csv"`,
    );
    expect(byQuery.body).toBe(
      [
        'at,step,weight,check,metric,unit,limit,verdict,failures_in_a_row,canary_kind,canary_value,canary_requests,canary_why,stable_kind,stable_value,stable_requests,stable_why',
        '2026-11-24T14:00:00.000Z,0,5,p99,p99LatencyMs,ms,300,pass,0,value,212.4,640,,value,198.1,12000,',
        '2026-11-24T14:00:00.000Z,0,5,errors,errorRate,ratio,0.01,inconclusive,1,too_few,,3,100 requests needed,none,,,the metrics provider has no data',
        '',
      ].join('\r\n'),
    );
    const byHeader = await ask(app, { url: path, headers: { accept: 'text/csv' } });
    expect(byHeader.body).toBe(byQuery.body);
    expect((await ask(world([]).app, { url: `${path}?format=csv` })).body.split('\r\n')).toHaveLength(2);
  });

  it('are refused with a sentence when something is wrong', async () => {
    const { app, service } = world([]);
    const wrong = ['format=xml', 'step=-1', 'since=yesterday', 'limit=0', 'chek=p99'];
    for (const query of wrong) {
      expect([query, (await ask(app, { url: `${path}?${query}` })).statusCode]).toEqual([query, 400]);
    }
    expect(problemOf(await ask(app, { url: `${path}?chek=p99` })).errors?.[0]?.detail).toBe(
      'is not known: did you mean "check"?',
    );
    expect(slugOf(await ask(app, { url: path, headers: { accept: 'text/html' } }))).toBe('not-acceptable');
    expect(slugOf(await ask(app, { url: path.replace('1YC', '1YD') }))).toBe('not-found');
    service.broken = new Error('down');
    expect((await ask(app, { url: path })).statusCode).toBe(500);
  });
});

describe('a table', () => {
  it.each([
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['@sum', "'@sum"],
    ['-2+3,4', '"\'-2+3,4"'],
  ])('holds %j as %s: quoted, and never a formula', (check, cell) => {
    const empty = { kind: 'none', value: null, requests: null, bucket: null, why: null } as const;
    const row: MeasurementOnWire = {
      at: 't',
      step: null,
      weight: null,
      check,
      metric: 'errorRate',
      unit: 'ratio',
      limit: 1,
      verdict: null,
      failuresInARow: null,
      canary: empty,
      stable: empty,
    };
    expect(csvOf([row])).toContain(`\r\nt,,,${cell},errorRate,`);
  });
});
