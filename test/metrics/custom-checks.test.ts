import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CheckTemplates } from '../../src/config/check-templates.ts';
import { clusterMetrics } from '../../src/metrics/clusters.ts';
import { askCustom } from '../../src/metrics/custom-checks.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import { duration, quoted } from '../../src/metrics/promql.ts';
import type { CustomCheck } from '../../src/rollout/plan-parts.ts';
import type { Numbers } from '../../src/rollout/ports/check-provider.ts';
import { type CannedPrometheus, cannedPrometheus } from './canned-prometheus.ts';
import { errorRate, requestOf, targetOf } from './requests.ts';

const templates = CheckTemplates.parse({
  'orders-failed': {
    query:
      'sum(rate(orders_failed_total{namespace="{{namespace}}",version="{{version}}",shop="{{args.shop}}"}[{{window}}])) > {{args.least}} or x offset {{args.ago}}',
    args: {
      shop: { type: 'label' },
      least: { type: 'number', min: -5, max: 5 },
      ago: { type: 'duration', min: 60, max: 600 },
    },
    unit: 'count',
    breach: 'above',
  },
});
const check: CustomCheck = {
  metric: 'custom',
  template: 'orders-failed',
  args: { shop: 'berlin', least: 0.5, ago: '5m' },
  max: 3,
  window: 60,
  failures: 2,
};
const never = new AbortController().signal;

/** What one check finds, and the queries that were asked for it. */
async function found(over: Partial<CustomCheck> = {}, answer: Numbers = { kind: 'numbers', values: [2] }) {
  const asked: string[] = [];
  const provider = {
    escaped: (text: string) => quoted(text).slice(1, -1),
    duration,
    ask: async ({ query }: { query: string }) => {
      asked.push(query);
      return answer;
    },
  };
  const custom = { templates, providers: new Map([['prometheus', provider]]) };
  const request = requestOf({ checks: { orders: { ...check, ...over } } });
  const { orders } = await askCustom(custom, request, never);
  return { ...orders?.readings, asked };
}

describe('a custom check', () => {
  it('asks its template for canary and stable, each value in its place', async () => {
    const { asked } = await found();
    const { namespace } = targetOf('payments').canary.service;
    const queryOf = (version: string) =>
      `sum(rate(orders_failed_total{namespace="${namespace}",version="${version}",shop="berlin"}[60s])) > 0.5 or x offset 300s`;
    expect(asked).toEqual([queryOf('v2'), queryOf('v1')]);
  });

  it('finds one number of each, in the unit of the template', async () => {
    const value = { kind: 'value', value: 2, requests: 0, unit: 'count' };
    expect(await found()).toMatchObject({ canary: value, stable: value });
  });

  it.each([
    ['ends the string', 'x"}[1s])) or vector(0) #'],
    ['reads what belongs to somebody else', 'x"} or sum(other_metric) #'],
    ['escapes the quote', 'x\\'],
    ['breaks the line', 'x\ny'],
    ['is a regular expression', '.*|berlin'],
    ['is a placeholder itself', '{{version}}'],
    ['is longer than a label value', 'x'.repeat(64)],
    ['is empty', ''],
  ])('puts no text into a query that %s, and says so', async (_what, shop) => {
    const { canary, asked } = await found({ args: { ...check.args, shop } });
    expect(asked).toEqual([]);
    expect(canary).toMatchObject({
      kind: 'unavailable',
      why: expect.stringContaining('shop is text of 1 to 63'),
    });
  });

  it.each([
    ['text where a number is wanted', { least: '0.5' }, 'least is a number'],
    ['a number that is too small', { least: -5.1 }, 'least is at least -5'],
    ['a number that is too large', { least: 5.1 }, 'least is at most 5'],
    ['a number that is none', { least: Number.NaN }, 'least is a number'],
    ['a duration that is none', { ago: '5 minutes] or up[1m' }, 'ago is a duration'],
    ['a duration that is too short', { ago: '59s' }, 'ago lasts at least'],
    ['a duration that is too long', { ago: 601 }, 'ago lasts at most'],
  ])('refuses %s', async (_what, args, says) => {
    const { canary, asked } = await found({ args: { ...check.args, ...args } });
    expect(asked).toEqual([]);
    expect(canary).toMatchObject({ kind: 'unavailable', why: expect.stringContaining(says) });
  });

  it('takes each bound itself', async () => {
    for (const args of [{ least: -5 }, { least: 5 }, { ago: '60s' }, { ago: 600 }]) {
      expect((await found({ args: { ...check.args, ...args } })).asked).toHaveLength(2);
    }
  });

  it('asks nothing by a name of the target that could end a string', async () => {
    const target = targetOf('payments');
    const odd = { ...target, canary: { ...target.canary, version: 'v2"} or vector(0) #' } };
    const custom = { templates, providers: new Map() };
    const { orders } = await askCustom(custom, requestOf({ target: odd, checks: { orders: check } }), never);
    expect(orders?.readings.canary).toMatchObject({ kind: 'unavailable' });
    expect(orders?.queries).toEqual([]);
  });

  it.each([
    ['several rows', [1, 2], 'its query found 2 rows instead of one'],
    ['no number', [Number.NaN], 'found NaN'],
    ['infinitely many', [Number.POSITIVE_INFINITY], 'found Infinity'],
    ['less than nothing', [-1], 'found -1'],
  ])('never judges %s', async (_what, values, why) => {
    const { canary } = await found({}, { kind: 'numbers', values });
    expect(canary).toMatchObject({ kind: 'unavailable', why: expect.stringContaining(why) });
  });

  it('finds nothing where the query has no row, which is no pass', async () => {
    expect(await found({}, { kind: 'numbers', values: [] })).toMatchObject({ canary: { kind: 'none' } });
  });

  it('says why when nobody answers, and when the template is there no more', async () => {
    const refused = await found({}, { kind: 'unavailable', why: 'Prometheus at x refused the query' });
    expect(refused.canary).toEqual({
      kind: 'unavailable',
      why: 'template orders-failed: Prometheus at x refused the query',
    });
    const gone = await found({ template: 'constructor' });
    expect(gone.canary).toMatchObject({
      why: 'template constructor: no template is called constructor: those of this canaryd are orders-failed',
    });
  });
});

describe('Prometheus', () => {
  let prometheus: CannedPrometheus;
  beforeAll(async () => {
    prometheus = await cannedPrometheus();
  });
  afterAll(() => prometheus.stop());
  beforeEach(() => prometheus.reset());
  const request = requestOf({ checks: { errorRate, orders: check } });

  it('is asked at the instant of the poll, and what it cannot answer spoils no other check', async () => {
    prometheus.answer('custom', [
      [{ a: '1' }, '2'],
      [{ a: '2' }, '2'],
    ]);
    const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5, checkTemplates: templates });
    const { checks } = await metrics.measure(request, never);
    expect(checks['errorRate']?.canary.kind).toBe('value');
    expect(checks['orders']?.canary.kind).toBe('unavailable');
    const custom = prometheus.asked.filter(({ query }) => query.includes('orders_failed_total'));
    expect(custom.map(({ time }) => time)).toEqual([String(request.at / 1000), String(request.at / 1000)]);
  });

  it('shows the queries of a custom check before the start', async () => {
    const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5, checkTemplates: templates });
    const { checks } = await metrics.survey(request, never);
    expect(checks['orders']?.queries.map(({ query }) => query.includes('shop="berlin"'))).toEqual([
      true,
      true,
    ]);
  });

  const lone = { query: 'x{version="{{version}}"}', unit: 'count', breach: 'above' };

  it('starts with no template whose provider nobody knows', () => {
    expect(() => clusterMetrics([], CheckTemplates.parse({ x: { ...lone, provider: 'datadog' } }))).toThrow(
      'checkTemplates.x.provider is none of prometheus',
    );
  });
});
