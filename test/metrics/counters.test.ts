import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { MeasureRequest } from '../../src/rollout/ports/metrics.ts';
import {
  type CannedPrometheus,
  type CannedRow,
  cannedPrometheus,
  json,
  overTime,
  podBuckets,
  podCounts,
  success,
} from './canned-prometheus.ts';
import { hostTarget, requestOf, someInstant, targetOf } from './requests.ts';

let prometheus: CannedPrometheus;
beforeAll(async () => {
  prometheus = await cannedPrometheus();
});
afterAll(() => prometheus.stop());
beforeEach(() => prometheus.reset());

const never = new AbortController().signal;
const here = () => `Prometheus at ${new URL(prometheus.url).host}`;

function measure(changes: Partial<MeasureRequest> = {}) {
  const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5, deadlineMs: 500 });
  return metrics.measure(requestOf({ judged: { historySeconds: 0 }, ...changes }), never);
}

const countersOf = async (changes: Partial<MeasureRequest> = {}) => (await measure(changes)).counters;
const labelled = (rows: CannedRow[], more: Record<string, string>): CannedRow[] =>
  rows.map(([labels, value]) => [{ ...labels, ...more }, value]);
const secondsAgo = (version: string, seconds: number): CannedRow => [
  { destination_version: version },
  String(someInstant / 1000 - seconds),
];

const asked = [expect.stringContaining('requests_total'), expect.stringContaining('_bucket')];

describe('the counters of a poll', () => {
  it('are those of each pod of both arms at one instant, with the bounds in common', async () => {
    prometheus.answer('requestCounters', [
      ...podCounts('v1', 'a', { '200': '9000', '503': '7' }),
      ...podCounts('v1', 'b', { '200': '10' }),
      ...podCounts('v2', 'c', { '200': '90', '404': '5', '500': '5' }),
    ]);
    prometheus.answer('bucketCounters', [
      ...podBuckets('v1', 'a', { '50': '1000', '100': '8000', '+Inf': '9007' }),
      ...podBuckets('v1', 'b', { '100': '9', '+Inf': '10' }),
      ...podBuckets('v2', 'c', { '100': '60', '70': '50', '+Inf': '100' }),
    ]);
    expect(await countersOf()).toEqual({
      kind: 'counters',
      boundsMs: [100],
      stable: {
        a: { requests: 9007, errors: 7, atMost: [8000, 9007] },
        b: { requests: 10, errors: 0, atMost: [9, 10] },
      },
      canary: { c: { requests: 100, errors: 5, atMost: [60, 100] } },
      queries: asked,
    });
  });

  it('stand beside the two queries that bring them, for this service alone', async () => {
    const [requests, buckets] = z.object({ queries: z.array(z.string()) }).parse(await countersOf()).queries;
    expect(requests).toMatch(/^sum by \(destination_version, pod, .*istio_requests_total\{.*"payments"/);
    expect(buckets).toMatch(/^sum by \(destination_version, pod, .*_milliseconds_bucket\{.*"payments"/);
  });

  it('are not asked for by who does not judge by them', async () => {
    const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5 });
    const measured = await metrics.measure(requestOf(), never);
    expect([measured.counters, measured.history]).toEqual([undefined, undefined]);
    expect(prometheus.asked).toHaveLength(7);
  });

  it('are two queries more, at the instant of the others and without a range', async () => {
    await measure();
    expect(prometheus.asked).toHaveLength(9);
    const raw = prometheus.asked.filter(({ query }) => query.includes('pod, instance'));
    expect(raw.map(({ query }) => query.includes('['))).toEqual([false, false]);
    expect(raw.map(({ time }) => Number(time))).toEqual([someInstant / 1000, someInstant / 1000]);
  });

  it('count gRPC statuses and requests without an answer among the errors, as the check does', async () => {
    const ends: [string, Record<string, string>][] = [
      ['100', { response_code: '200', grpc_response_status: '0' }],
      ['7', { response_code: '200', grpc_response_status: '14' }],
      ['5', { response_code: '200', grpc_response_status: '5' }],
      ['3', { response_code: '0', response_flags: 'UC' }],
      ['2', { response_code: '0', response_flags: 'DC' }],
    ];
    const rows = ends.map(
      ([value, labels]): CannedRow => [{ destination_version: 'v2', pod: 'c', ...labels }, value],
    );
    prometheus.answer('requestCounters', rows);
    prometheus.answer('requests', rows);
    const { counters, checks } = await measure();
    expect(counters).toMatchObject({ canary: { c: { requests: 117, errors: 10 } } });
    expect(checks['errorRate']?.canary).toMatchObject({ value: 10 / 117 });
  });

  it('read the bounds 1000 and 1000.0 as one, of two pods and of one whose Prometheus was renewed', async () => {
    prometheus.answer('bucketCounters', [
      ...podBuckets('v1', 'a', { '1000': '8900', '1000.0': '8990', '+Inf': '9000' }),
      ...podBuckets('v2', 'b', { '1000.0': '900', '+Inf': '1000' }),
    ]);
    expect(await countersOf()).toMatchObject({
      boundsMs: [1000],
      stable: { a: { atMost: [8990, 9000] } },
      canary: { b: { atMost: [900, 1000] } },
    });
  });

  it('have no latency of a pod without a histogram, and that of all others', async () => {
    prometheus.answer('bucketCounters', podBuckets('v1', 'a', { '100': '8900', '+Inf': '9000' }));
    expect(await countersOf()).toMatchObject({
      boundsMs: [100],
      stable: { a: { atMost: [8900, 9000] } },
      canary: { b: { requests: 1000, atMost: [] } },
    });
  });

  it('tell two proxies apart that have one pod name, as one pod of a StatefulSet after the other', async () => {
    prometheus.answer('requestCounters', [
      ...labelled(podCounts('v2', 'pay-0', { '200': '500' }), { instance: '10.0.0.1:15020' }),
      ...labelled(podCounts('v2', 'pay-0', { '200': '4' }), { instance: '10.0.0.2:15020' }),
    ]);
    const counters = await countersOf();
    expect(counters?.kind === 'counters' && Object.keys(counters.canary ?? {})).toEqual([
      'pay-0 10.0.0.1:15020',
      'pay-0 10.0.0.2:15020',
    ]);
  });

  it('are told apart by the instance where no pod is named, and are unavailable where neither is', async () => {
    prometheus.answer('requestCounters', [
      [{ destination_version: 'v2', instance: '10.0.0.1:15020', response_code: '200' }, '5'],
    ]);
    expect(await countersOf()).toMatchObject({ canary: { '10.0.0.1:15020': { requests: 5 } } });
    prometheus.answer('requestCounters', [[{ destination_version: 'v2', response_code: '200' }, '5']]);
    expect(await countersOf()).toEqual({
      kind: 'unavailable',
      why: "Prometheus's samples of bank/payments carry neither the label pod nor instance, so that a pod that ends would look like one that starts anew: keep the label pod where samples are scraped, relabelled or federated",
    });
  });

  it.each(['NaN', '+Inf', '-1'])('that are %s are unavailable', async (value) => {
    prometheus.answer('requestCounters', podCounts('v2', 'c', { '200': value }));
    expect(await countersOf()).toEqual({
      kind: 'unavailable',
      why: `Prometheus answered ${Number(value.replace('+Inf', 'Infinity'))} requests`,
    });
    prometheus.reset();
    prometheus.answer('bucketCounters', podBuckets('v2', 'c', { '100': value }));
    expect((await countersOf())?.kind).toBe('unavailable');
  });

  it('of destinations that have a host each are told apart by it', async () => {
    const at = (name: string) => ({ destination_service_name: name, destination_service_namespace: 'bank' });
    const row = (name: string, value: string): CannedRow => [
      { ...at(name), pod: 'gateway', response_code: '200' },
      value,
    ];
    prometheus.answer('newest', [
      [at('blue'), String(someInstant / 1000)],
      [at('green'), String(someInstant / 1000)],
    ]);
    prometheus.answer('requestCounters', [row('blue', '900'), row('green', '100')]);
    prometheus.answer('bucketCounters', []);
    expect(await countersOf({ target: hostTarget() })).toEqual({
      kind: 'counters',
      boundsMs: [],
      stable: { gateway: { requests: 900, errors: 0, atMost: [] } },
      canary: { gateway: { requests: 100, errors: 0, atMost: [] } },
      queries: asked,
    });
  });
});

describe('an arm', () => {
  it('that was scraped within the hour but not now is null: a missing scrape is no lack of requests', async () => {
    prometheus.answer('newest', [secondsAgo('v1', 1), secondsAgo('v2', 16)]);
    expect(await countersOf()).toMatchObject({ kind: 'counters', canary: null, stable: { a: {} } });
    prometheus.answer('newest', [secondsAgo('v1', 1)]);
    prometheus.answer('seenLately', [[{ destination_version: 'v2' }, '30']]);
    expect(await countersOf()).toMatchObject({ canary: null });
  });

  it('that never had a series has no pods, and the other its own bounds', async () => {
    prometheus.answer('newest', [secondsAgo('v1', 1)]);
    prometheus.answer('bucketCounters', podBuckets('v1', 'a', { '50': '1', '100': '2', '+Inf': '2' }));
    expect(await countersOf()).toMatchObject({ boundsMs: [50, 100], canary: {} });
  });

  it('is null where nobody can say whether it was seen', async () => {
    prometheus.answer('newest', [secondsAgo('v1', 1)]);
    prometheus.answer('seenLately', (response) => response.writeHead(503).end());
    expect(await countersOf()).toMatchObject({ kind: 'counters', canary: null });
  });

  it('without pods beside another without any is a service that was never called', async () => {
    prometheus.answer('newest', []);
    expect(await countersOf()).toMatchObject({ boundsMs: [], canary: {}, stable: {} });
  });
});

describe('no counters', () => {
  it('are believed at an instant that the provider’s clock is far from', async () => {
    prometheus.answer('clock', [[{}, String(someInstant / 1000 + 31)]]);
    expect(await countersOf()).toEqual({
      kind: 'unavailable',
      why: "Prometheus's clock is 31 s ahead of canaryd's: measurements cannot be matched",
    });
  });

  it('are had from a service that is scraped no more', async () => {
    prometheus.answer('newest', []);
    prometheus.answer('seenLately', [[{ destination_version: 'v1' }, '3']]);
    expect(await countersOf()).toEqual({
      kind: 'unavailable',
      why: expect.stringContaining('it is not being scraped'),
    });
  });

  it.each(['requestCounters', 'bucketCounters'] as const)('are had from a part of the %s', async (name) => {
    prometheus.answer(name, (response) =>
      json(response, 200, {
        ...success(podCounts('v2', 'c', { '200': '1000' })),
        warnings: ['store-2 is down'],
      }),
    );
    const { counters, checks } = await measure();
    expect(counters).toEqual({
      kind: 'unavailable',
      why: `${here()} gave a partial answer: store-2 is down`,
    });
    expect(checks['errorRate']?.canary.kind).toBe('value');
  });

  it('are had when they come too late, are refused, or the name could end a query', async () => {
    prometheus.answer('requestCounters', () => undefined);
    expect(await countersOf()).toEqual({ kind: 'unavailable', why: `${here()} gave no answer in time` });
    prometheus.answer('requestCounters', (response) =>
      json(response, 422, { status: 'error', error: 'too many samples' }),
    );
    expect(await countersOf()).toMatchObject({ why: expect.stringContaining('too many samples') });
    const target = targetOf('payments', { stable: 'v1', canary: 'x"}' });
    const refused = await measure({ target, judged: { historySeconds: 1800 } });
    expect([refused.counters?.kind, refused.history?.kind]).toEqual(['unavailable', 'unavailable']);
  });

  it('are had though their answers are larger than others: 4 MB of one service are read', async () => {
    const rows = Array.from({ length: 12_000 }, (_, at) =>
      podCounts('v2', `payments-v2-${at}-${'x'.repeat(90)}`, { '200': '1' }),
    );
    prometheus.answer('requestCounters', rows.flat());
    const counters = await countersOf();
    expect(counters?.kind === 'counters' && Object.keys(counters.canary ?? {})).toHaveLength(12_000);
  });
});

describe('the history of stable', () => {
  const historyOf = async () => (await measure({ judged: { historySeconds: 1800 } })).history;
  const ofPod = (pod: string, more: Record<string, string> = { response_code: '200' }) => ({
    destination_version: 'v1',
    pod,
    ...more,
  });

  it('is what its pods counted minute by minute, each minute in the same place', async () => {
    prometheus.answer(
      'requestHistory',
      overTime([
        [
          ofPod('a'),
          [
            [0, '100'],
            [1, '160'],
            [2, '230'],
          ],
        ],
        [
          ofPod('a', { response_code: '503' }),
          [
            [1, '2'],
            [2, '2'],
          ],
        ],
        [
          ofPod('born-later'),
          [
            [1, '5'],
            [2, '25'],
          ],
        ],
      ]),
    );
    prometheus.answer(
      'bucketHistory',
      overTime([
        [
          ofPod('a', { le: '100.0' }),
          [
            [0, '90'],
            [1, '150'],
            [2, '215'],
          ],
        ],
        [
          ofPod('a', { le: '+Inf' }),
          [
            [0, '100'],
            [1, '162'],
            [2, '232'],
          ],
        ],
        [
          ofPod('born-later', { le: '100' }),
          [
            [1, '5'],
            [2, '25'],
          ],
        ],
        [
          ofPod('born-later', { le: '+Inf' }),
          [
            [1, '5'],
            [2, '25'],
          ],
        ],
      ]),
    );
    expect(await historyOf()).toEqual({
      kind: 'history',
      boundsMs: [100],
      pods: [
        [
          { requests: 62, errors: 2, buckets: [60, 2] },
          { requests: 70, errors: 0, buckets: [65, 5] },
        ],
        [
          { requests: 0, errors: 0, buckets: [] },
          { requests: 20, errors: 0, buckets: [20, 0] },
        ],
      ],
    });
  });

  it('knows a restart, and divides what came while a pod was not scraped among those minutes', async () => {
    prometheus.answer(
      'requestHistory',
      overTime([
        [
          ofPod('restarts'),
          [
            [0, '1000'],
            [1, '30'],
            [2, '50'],
          ],
        ],
        [
          ofPod('not-scraped'),
          [
            [0, '100'],
            [3, '190'],
          ],
        ],
      ]),
    );
    const history = await historyOf();
    const requests =
      history?.kind === 'history' && history.pods.map((pod) => pod.map((minute) => minute.requests));
    expect(requests).toEqual([
      [30, 20],
      [30, 30, 30],
    ]);
  });

  it('is asked by two subqueries of stable alone, at the same instant and never for several services', async () => {
    const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5 });
    const request = (name: string, at: number) =>
      requestOf({ target: targetOf(name), judged: { historySeconds: 1800 }, at });
    for (const at of [someInstant, someInstant + 1000]) {
      await Promise.all(['one', 'two'].map((name) => metrics.measure(request(name, at), never)));
    }
    const asked = prometheus.asked.filter(({ query }) => query.endsWith('[1800s:60s]'));
    expect(asked).toHaveLength(8);
    expect(
      asked.every(({ query }) =>
        /destination_service_name="(one|two)",destination_version="v1"}/.test(query),
      ),
    ).toBe(true);
  });

  it('of a host is that of stable’s host', async () => {
    await measure({ target: hostTarget(), judged: { historySeconds: 600 } });
    const asked = prometheus.asked.filter(({ query }) => query.endsWith('[600s:60s]'));
    expect(asked.map(({ query }) => [query.includes('"blue"'), query.includes('"green"')])).toEqual([
      [true, false],
      [true, false],
    ]);
  });

  it('has no pods where stable never had any', async () => {
    expect(await historyOf()).toEqual({ kind: 'history', boundsMs: [], pods: [] });
  });

  it('is unavailable when it fails, and spoils nothing else', async () => {
    const failures: [(response: ServerResponse) => void, string][] = [
      [(response) => json(response, 200, success([])), 'is not Prometheus'],
      [(response) => response.writeHead(200).end(`"${'x'.repeat(4 * 1024 * 1024)}"`), 'more than 4 MB'],
      [
        (response) =>
          json(response, 503, { status: 'error', errorType: 'timeout', error: 'query timed out' }),
        'query timed out',
      ],
    ];
    for (const [failure, why] of failures) {
      prometheus.answer('requestHistory', failure);
      const measured = await measure({ judged: { historySeconds: 1800 } });
      expect(measured.history).toEqual({ kind: 'unavailable', why: expect.stringContaining(why) });
      expect([measured.counters?.kind, measured.checks['p99']?.canary.kind]).toEqual(['counters', 'value']);
    }
  });

  it('with numbers that are none, or pods without names, is unavailable', async () => {
    prometheus.answer(
      'requestHistory',
      overTime([
        [
          ofPod('a'),
          [
            [0, '1'],
            [1, 'NaN'],
          ],
        ],
      ]),
    );
    expect((await historyOf())?.kind).toBe('unavailable');
    prometheus.answer(
      'requestHistory',
      overTime([
        [
          { destination_version: 'v1' },
          [
            [0, '1'],
            [1, '2'],
          ],
        ],
      ]),
    );
    expect(await historyOf()).toMatchObject({ why: expect.stringContaining('neither the label pod') });
  });
});
