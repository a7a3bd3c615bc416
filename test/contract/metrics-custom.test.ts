import { afterAll, beforeAll, expect, it } from 'vitest';
import { CheckTemplates } from '../../src/config/check-templates.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { CustomCheck } from '../../src/rollout/plan-parts.ts';
import { targetOf } from '../metrics/requests.ts';
import { eventually, noSignal } from './metrics.ts';
import { type PodWorld, podWorld } from './metrics-pods.ts';

const selector = 'orders_failed_total{namespace="{{namespace}}",version="{{version}}",shop="{{args.shop}}"}';
const failed = { args: { shop: { type: 'label' } }, unit: 'count', breach: 'above' };
const templates = CheckTemplates.parse({
  'orders-failed': { ...failed, query: `sum(max_over_time(${selector}[{{window}}]))` },
  'orders-of-each': { ...failed, query: selector },
  'orders-broken': { ...failed, query: `sum(rate(${selector}))` },
  'orders-undefined': { ...failed, query: `sum(${selector}) * 0 / 0` },
});

let world: PodWorld;
beforeAll(async () => {
  world = await podWorld();
}, 180_000);
afterAll(() => world.stop());

it('asks a real Prometheus for one number of canary and of stable, and judges nothing else', async () => {
  const counter = (version: string, shop: string, value: number, till = 'a') => ({
    name: 'orders_failed_total',
    labels: { namespace: 'bank', version, shop, till },
    value,
    perScrape: 0,
  });
  const counters = [counter('v2', 'berlin', 3), counter('v2', 'berlin', 4, 'b'), counter('v1', 'berlin', 1)];
  world.add('orders', [...counters, counter('v2', 'paris', 100), counter('v2', 'oslo', 5)]);
  const metrics = prometheusMetrics({ url: world.url, scrapeSeconds: 0.2, checkTemplates: templates });
  const check = (template: string, shop: string): CustomCheck => {
    return { metric: 'custom', template, args: { shop }, max: 3, window: 5, failures: 2 };
  };
  const checks = {
    berlin: check('orders-failed', 'berlin'),
    nowhere: check('orders-failed', 'nowhere'),
    oslo: check('orders-failed', 'oslo'),
    each: check('orders-of-each', 'berlin'),
    broken: check('orders-broken', 'berlin'),
    undefined: check('orders-undefined', 'berlin'),
    injected: check('orders-failed', 'x"}[1s])) or vector(0) #'),
  };
  const target = targetOf('orders');
  const request = { target, checks, at: 0, incrementSeconds: 0, mirrored: false };
  await eventually(async () => {
    const { checks: found } = await metrics.measure({ ...request, at: Date.now() }, noSignal);
    const count = (value: number) => ({ kind: 'value', value, requests: 0, unit: 'count' });
    const unavailable = (why: string) => ({ kind: 'unavailable', why: expect.stringContaining(why) });
    expect(found['berlin']).toEqual({ canary: count(7), stable: count(1) });
    expect(found['nowhere']).toEqual({ canary: { kind: 'none' }, stable: { kind: 'none' } });
    expect(found['oslo']).toEqual({ canary: count(5), stable: { kind: 'none' } });
    expect(found['each']).toEqual({ canary: unavailable('2 rows instead of one'), stable: count(1) });
    expect(found['broken']?.canary).toEqual(unavailable('template orders-broken: Prometheus at'));
    expect(found['undefined']?.canary).toEqual(unavailable('found NaN'));
    expect(found['injected']?.canary).toEqual(unavailable('shop is text of 1 to 63'));
  });
});
