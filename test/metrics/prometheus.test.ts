import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Measurements } from '../../src/analysis/reading.ts';
import { type PrometheusMetricsOptions, prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { MeasureRequest } from '../../src/rollout/ports/metrics.ts';
import {
  buckets,
  type CannedPrometheus,
  cannedPrometheus,
  counts,
  json,
  success,
} from './canned-prometheus.ts';
import { entryTarget, errorRate, hostTarget, p99, requestOf, someInstant, targetOf } from './requests.ts';

let prometheus: CannedPrometheus;
beforeAll(async () => {
  prometheus = await cannedPrometheus();
});
afterAll(() => prometheus.stop());
beforeEach(() => prometheus.reset());

const never = new AbortController().signal;

function measure(changes: Partial<MeasureRequest> = {}, options: Partial<PrometheusMetricsOptions> = {}) {
  const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5, ...options });
  return metrics.measure(requestOf(changes), never);
}

/** Every reading of a measurement, whatever it measures. */
function readingsOf({ checks, requests, unattributed }: Measurements) {
  return [
    ...[requests, ...Object.values(checks)].flatMap(({ canary, stable }) => [canary, stable]),
    unattributed,
  ];
}

async function whyEverythingIsUnavailable(options: Partial<PrometheusMetricsOptions> = {}): Promise<string> {
  const measured = await measure({}, options);
  const readings = readingsOf(measured);
  expect(readings.map(({ kind }) => kind)).toEqual(readings.map(() => 'unavailable'));
  expect(measured.increments).toEqual({ canary: null, stable: null });
  const [first] = readings;
  return first?.kind === 'unavailable' ? first.why : '';
}

const here = () => `Prometheus at ${new URL(prometheus.url).host}`;

describe('a measurement of a healthy service', () => {
  it('gives both arms their error rate, P99 with its bucket, requests and increments', async () => {
    prometheus.answer('requests', [
      ...counts('v1', { '200': '8991', '500': '9' }),
      ...counts('v2', { '200': '990', '503': '10' }),
    ]);
    expect(await measure()).toEqual({
      takenAt: someInstant,
      checks: {
        errorRate: {
          canary: { kind: 'value', value: 0.01, requests: 1000 },
          stable: { kind: 'value', value: 0.001, requests: 9000 },
        },
        p99: {
          canary: { kind: 'value', value: 240, requests: 1000, bucket: { lowerMs: 100, upperMs: 250 } },
          stable: { kind: 'value', value: 95, requests: 9000, bucket: { lowerMs: 50, upperMs: 100 } },
        },
      },
      requests: {
        canary: { kind: 'value', value: 1000, requests: 1000 },
        stable: { kind: 'value', value: 9000, requests: 9000 },
      },
      increments: { canary: { requests: 165, errors: 5 }, stable: { requests: 1500, errors: 0 } },
      unattributed: { kind: 'value', value: 0, requests: 10_000 },
    });
  });

  it('asks seven queries, all at the same instant but the one for the clock', async () => {
    await measure();
    expect(prometheus.asked).toHaveLength(7);
    const clock = prometheus.asked.filter(({ query }) => query === 'time()');
    expect(clock.map(({ time }) => time)).toEqual([null]);
    const times = prometheus.asked.filter(({ query }) => query !== 'time()').map(({ time }) => Number(time));
    expect(new Set(times)).toEqual(new Set([someInstant / 1000]));
  });

  it('asks once for checks that share a window, and no latency when no check judges it', async () => {
    await measure({ checks: { errorRate, strict: { ...errorRate, max: 0 } }, incrementSeconds: 0 });
    expect(prometheus.asked).toHaveLength(4);
  });

  it('measures each check over its own window, and requests over the longest', async () => {
    await measure({ checks: { errorRate, p99: { ...p99, window: 300 } } });
    const windows = prometheus.asked.flatMap(({ query }) => /\[\d+s\]/.exec(query) ?? []);
    expect(windows.sort()).toEqual(['[10s]', '[300s]', '[300s]', '[300s]', '[300s]', '[60s]']);
  });

  it('takes a dozen windows at once without complaint', async () => {
    const warnings: Error[] = [];
    const remember = (warning: Error) => warnings.push(warning);
    process.on('warning', remember);
    const checks = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`p${index}`, { ...p99, window: 60 + index }]),
    );
    const measured = await measure({ checks });
    process.off('warning', remember);
    expect(readingsOf(measured).every(({ kind }) => kind === 'value')).toBe(true);
    expect(warnings).toEqual([]);
  });
});

describe('a measurement of destinations that have a host each', () => {
  const at = (name: string, namespace = 'bank') => ({
    destination_service_name: name,
    destination_service_namespace: namespace,
  });
  const row = (labels: object, value: string) => [{ ...labels }, value] satisfies [object, string];

  beforeEach(() => {
    const now = String(someInstant / 1000 - 1);
    prometheus.answer('newest', [row(at('blue'), now), row(at('green'), now)]);
    prometheus.answer('requests', [
      row({ ...at('blue'), response_code: '200' }, '9000'),
      row({ ...at('green'), response_code: '200' }, '750'),
      row({ ...at('green'), response_code: '503' }, '250'),
      row({ ...at('green', 'other-bank'), response_code: '200' }, '5000'),
    ]);
    prometheus.answer('p99', [row(at('blue'), '95'), row(at('green'), '240')]);
    const bucket = (name: string, le: string, value: string) => row({ ...at(name), le }, value);
    prometheus.answer('buckets', [
      bucket('blue', '100', '9000'),
      bucket('blue', '+Inf', '9000'),
      bucket('green', '100', '500'),
      bucket('green', '250', '1000'),
      bucket('green', '+Inf', '1000'),
    ]);
  });

  it('tells the arms apart by their services, whatever their versions', async () => {
    const { checks, requests } = await measure({ target: hostTarget(), incrementSeconds: 0 });
    expect(checks['errorRate']).toEqual({
      canary: { kind: 'value', value: 0.25, requests: 1000 },
      stable: { kind: 'value', value: 0, requests: 9000 },
    });
    expect(checks['p99']?.canary).toMatchObject({ value: 240, bucket: { lowerMs: 100, upperMs: 250 } });
    expect(requests.canary).toMatchObject({ value: 1000 });
  });

  it('counts the errors that name nobody of both services', async () => {
    const sent = (name: string, version: string, code: string, value: string) =>
      row(
        {
          ...at(name),
          destination_version: version,
          destination_workload: version === 'unknown' ? 'unknown' : `payments-${version}`,
          response_code: code,
        },
        value,
      );
    prometheus.answer('callers', [
      sent('blue', 'v1', '200', '800'),
      sent('blue', 'unknown', '503', '50'),
      sent('green', 'v2', '500', '100'),
      sent('green', 'unknown', '503', '50'),
    ]);
    const { unattributed } = await measure({ target: hostTarget() });
    expect(unattributed).toEqual({ kind: 'value', value: 0.1, requests: 1000 });
  });

  it('blames no canary for the errors of a host without pods, which name no workload however they were answered', async () => {
    const sent = (name: string, code: string, value: string) =>
      row(
        { ...at(name), destination_version: 'unknown', destination_workload: 'unknown', response_code: code },
        value,
      );
    prometheus.answer('callers', [
      sent('rates.example.com', '200', '800'),
      sent('rates.example.com', '503', '100'),
      sent('rates-next.example.com', '200', '90'),
      sent('rates-next.example.com', '503', '10'),
    ]);
    const { unattributed } = await measure({ target: entryTarget() });
    expect(unattributed).toEqual({ kind: 'value', value: 0, requests: 1000 });
  });

  it('names both services when neither is scraped', async () => {
    prometheus.answer('newest', []);
    prometheus.answer('seenLately', [row(at('blue'), '3')]);
    expect((await measure({ target: hostTarget() })).requests.canary).toEqual({
      kind: 'unavailable',
      why: 'Prometheus has no sample of bank/blue and bank/green from the last 15 s, but had some within the hour: it is not being scraped',
    });
  });

  it('finds none of a canary that nobody has called', async () => {
    prometheus.answer('newest', [row(at('blue'), String(someInstant / 1000 - 1))]);
    const { checks, requests } = await measure({ target: hostTarget() });
    expect([checks['p99']?.canary, requests.canary]).toEqual([{ kind: 'none' }, { kind: 'none' }]);
    expect(checks['p99']?.stable.kind).toBe('value');
  });
});

describe('errors', () => {
  it('are 0 when there is no 5xx series at all', async () => {
    const { checks } = await measure();
    expect(checks['errorRate']?.canary).toEqual({ kind: 'value', value: 0, requests: 1000 });
  });

  it('are 1 when there are only 5xx series', async () => {
    prometheus.answer('requests', counts('v2', { '500': '120', '503': '80' }));
    const { checks } = await measure();
    expect(checks['errorRate']?.canary).toEqual({ kind: 'value', value: 1, requests: 200 });
  });

  it('are not the requests that a caller gave up (response code 0) or had refused (4xx)', async () => {
    prometheus.answer('requests', counts('v2', { '200': '100', '0': '50', '404': '50' }));
    const { checks } = await measure();
    expect(checks['errorRate']?.canary).toEqual({ kind: 'value', value: 0, requests: 200 });
  });

  it('that name no version are counted at the callers, and those of a known workload are not', async () => {
    const row = (workload: string, version: string, response_code: string, value: string) =>
      [{ destination_workload: workload, destination_version: version, response_code }, value] satisfies [
        object,
        string,
      ];
    prometheus.answer('callers', [
      row('payments-v1', 'v1', '200', '900'),
      row('payments-v2', 'v2', '500', '40'),
      row('payments-old', 'unknown', '500', '10'),
      row('unknown', 'unknown', '503', '50'),
    ]);
    expect((await measure()).unattributed).toEqual({ kind: 'value', value: 0.05, requests: 1000 });
  });

  it('that name no version are counted even when no pod of the service is left to scrape', async () => {
    prometheus.answer('newest', []);
    prometheus.answer('seenLately', [[{ destination_version: 'v1' }, '3']]);
    prometheus.answer('callers', [
      [{ destination_workload: 'unknown', destination_version: 'unknown', response_code: '503' }, '500'],
    ]);
    expect((await measure()).unattributed).toEqual({ kind: 'value', value: 1, requests: 500 });
  });

  it('that name no version are not judged on too few requests', async () => {
    prometheus.answer('callers', [
      [{ destination_workload: 'unknown', destination_version: 'unknown', response_code: '503' }, '2'],
    ]);
    expect((await measure()).unattributed).toEqual({ kind: 'tooFew', requests: 2, needed: 100 });
  });
});

describe('without enough requests', () => {
  it('a version without any series is none', async () => {
    prometheus.answer('requests', counts('v1', { '200': '9000' }));
    const { checks, requests } = await measure();
    expect([checks['errorRate']?.canary, checks['p99']?.canary, requests.canary]).toEqual([
      { kind: 'none' },
      { kind: 'none' },
      { kind: 'none' },
    ]);
    expect(checks['errorRate']?.stable.kind).toBe('value');
  });

  it('an idle version, whose P99 is NaN, is none and has 0 requests', async () => {
    prometheus.answer('requests', counts('v2', { '200': '0', '503': '0' }));
    prometheus.answer('p99', [[{ destination_version: 'v2' }, 'NaN']]);
    const { checks, requests } = await measure();
    expect(checks['errorRate']?.canary).toEqual({ kind: 'none' });
    expect(checks['p99']?.canary).toEqual({ kind: 'none' });
    expect(requests.canary).toEqual({ kind: 'value', value: 0, requests: 0 });
  });

  it.each([
    ['99', { kind: 'tooFew', requests: 99, needed: 100 }],
    ['99.4', { kind: 'tooFew', requests: 99, needed: 100 }],
    ['99.6', { kind: 'value', value: 0, requests: 100 }],
    ['100', { kind: 'value', value: 0, requests: 100 }],
  ])('%s of 100 requests are judged accordingly', async (found, expected) => {
    prometheus.answer('requests', counts('v2', { '200': found }));
    expect((await measure()).checks['errorRate']?.canary).toEqual(expected);
  });

  it('an increment over fewer than two scrapes is not counted, because requests would be lost', async () => {
    const { increments } = await measure({ incrementSeconds: 10 }, { scrapeSeconds: 6 });
    expect(increments).toEqual({ canary: null, stable: null });
  });
});

describe('numbers that are none', () => {
  it.each([
    'NaN',
    '+Inf',
    '-Inf',
    '-1',
  ])('a request count of %s is unavailable, never a pass', async (value) => {
    prometheus.answer('requests', counts('v2', { '200': '1000', '503': value }));
    const { checks, requests } = await measure();
    expect(checks['errorRate']?.canary.kind).toBe('unavailable');
    expect(requests.canary.kind).toBe('unavailable');
  });

  it.each([
    'NaN',
    '+Inf',
    '-Inf',
  ])('a P99 of %s with requests is unavailable, never a pass', async (value) => {
    prometheus.answer('p99', [[{ destination_version: 'v2' }, value]]);
    const { checks } = await measure();
    expect(checks['p99']?.canary).toEqual({
      kind: 'unavailable',
      why: expect.stringContaining('that lies in no bucket'),
    });
  });

  it('an increment that is no number is not counted', async () => {
    prometheus.answer('increments', counts('v2', { '503': 'NaN' }));
    expect((await measure()).increments.canary).toBeNull();
  });
});

describe('latency', () => {
  it('above the highest bucket breaks a limit at that bucket, where Prometheus answers the bucket itself', async () => {
    prometheus.answer('p99', [[{ destination_version: 'v2' }, '2000']]);
    prometheus.answer('buckets', buckets('v2', { '1000': '10', '2000': '20', '+Inf': '1000' }));
    expect((await measure()).checks['p99']?.canary).toEqual({ kind: 'value', value: 2001, requests: 1000 });
  });

  it('above the highest bucket says nothing about a higher limit', async () => {
    prometheus.answer('p99', [[{ destination_version: 'v2' }, '1000']]);
    prometheus.answer('buckets', buckets('v2', { '500': '10', '1000': '20', '+Inf': '1000' }));
    expect((await measure()).checks['p99']?.canary).toEqual({
      kind: 'unavailable',
      why: 'the P99 lies above the highest bucket, 1000 ms: add a bucket at 2000 ms to judge the limit',
    });
  });

  it('without a histogram is unavailable, because there are requests', async () => {
    prometheus.answer('p99', []);
    prometheus.answer('buckets', []);
    expect((await measure()).checks['p99']?.canary).toEqual({
      kind: 'unavailable',
      why: 'Prometheus answered 0 P99 values instead of one',
    });
  });

  it('with several samples for one version is unavailable: which one counts is unknown', async () => {
    prometheus.answer('p99', [
      [{ destination_version: 'v2', cluster: 'a' }, '10'],
      [{ destination_version: 'v2', cluster: 'b' }, '9000'],
    ]);
    expect((await measure()).checks['p99']?.canary).toEqual({
      kind: 'unavailable',
      why: 'Prometheus answered 2 P99 values instead of one',
    });
  });
});

describe('freshness', () => {
  const secondsAgo = (seconds: number) => String(someInstant / 1000 - seconds);

  it.each([
    [15, 'value'],
    [15.1, 'none'],
  ])('an arm last seen %d s ago, at a scrape each 5 s, is %s while the other is fresh', async (seconds, kind) => {
    prometheus.answer('newest', [
      [{ destination_version: 'v1' }, secondsAgo(1)],
      [{ destination_version: 'v2' }, secondsAgo(seconds)],
    ]);
    const { checks, requests } = await measure();
    expect([checks['errorRate']?.canary.kind, requests.canary.kind]).toEqual([kind, kind]);
    expect(checks['errorRate']?.stable.kind).toBe('value');
  });

  it('the increments of an arm that is gone are not counted', async () => {
    prometheus.answer('newest', [[{ destination_version: 'v1' }, secondsAgo(1)]]);
    const { increments } = await measure();
    expect(increments).toEqual({ canary: null, stable: { requests: 1500, errors: 0 } });
  });

  it('a whole service that is scraped no more is unavailable, though its window still shows requests', async () => {
    prometheus.answer('newest', []);
    prometheus.answer('seenLately', [[{ destination_version: 'v1' }, '3']]);
    const { checks, requests, increments } = await measure();
    const stale = {
      kind: 'unavailable',
      why: 'Prometheus has no sample of bank/payments from the last 15 s, but had some within the hour: it is not being scraped',
    };
    expect([checks['errorRate']?.canary, checks['p99']?.stable, requests.stable]).toEqual([
      stale,
      stale,
      stale,
    ]);
    expect(increments).toEqual({ canary: null, stable: null });
  });

  it('other versions that are scraped do not make both arms fresh', async () => {
    prometheus.answer('newest', [[{ destination_version: 'v0' }, secondsAgo(1)]]);
    prometheus.answer('seenLately', [[{ destination_version: 'v2' }, '1']]);
    expect((await measure()).requests.canary.kind).toBe('unavailable');
  });

  it('a service that was never seen has no traffic', async () => {
    prometheus.answer('newest', []);
    const { checks, requests } = await measure();
    expect([checks['errorRate']?.canary, requests.stable]).toEqual([{ kind: 'none' }, { kind: 'none' }]);
  });
});

describe("the provider's clock", () => {
  const clockAt = (seconds: number) =>
    prometheus.answer('clock', [[{}, String(someInstant / 1000 + seconds)]]);

  it.each([30, -30])('may be %d s off', async (seconds) => {
    clockAt(seconds);
    prometheus.answer('newest', [
      [{ destination_version: 'v2' }, String(someInstant / 1000 + Math.min(0, seconds) - 1)],
    ]);
    expect((await measure()).checks['errorRate']?.canary.kind).toBe('value');
  });

  it.each([
    [31, "Prometheus's clock is 31 s ahead of canaryd's: measurements cannot be matched"],
    [-3600, "Prometheus's clock is 3600 s behind canaryd's: measurements cannot be matched"],
    [Number.NaN, 'Prometheus did not tell its time'],
  ])('that is %d s off makes every reading unavailable', async (seconds, why) => {
    clockAt(seconds);
    expect(await whyEverythingIsUnavailable()).toBe(why);
  });
});

describe('an outage', () => {
  it('is unavailable in every reading: connection refused', async () => {
    const closed = await cannedPrometheus();
    await closed.stop();
    const why = await whyEverythingIsUnavailable({ url: closed.url });
    expect(why).toBe(`Prometheus at ${new URL(closed.url).host} refused the connection`);
  });

  it('is unavailable in every reading: no answer', async () => {
    prometheus.answerAll(() => undefined);
    expect(await whyEverythingIsUnavailable({ deadlineMs: 100 })).toBe(`${here()} gave no answer in time`);
  });

  it('is unavailable in every reading: an answer that drips for longer than the deadline', async () => {
    prometheus.answerAll((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{');
      const drip = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(drip));
    });
    expect(await whyEverythingIsUnavailable({ deadlineMs: 150 })).toBe(`${here()} gave no answer in time`);
  });

  it('is unavailable in every reading: a redirect, which is not followed', async () => {
    const other = await cannedPrometheus();
    prometheus.answerAll((response) =>
      response.writeHead(302, { location: `${other.url}/api/v1/query?query=time()` }).end(),
    );
    expect(await whyEverythingIsUnavailable()).toBe(
      `${here()} redirects elsewhere (HTTP 302): configure the address it points to`,
    );
    expect(other.asked).toEqual([]);
    await other.stop();
  });

  it('is unavailable in every reading: more than 1 MB', async () => {
    prometheus.answerAll((response) => response.writeHead(200).end(`"${'x'.repeat(1024 * 1024)}"`));
    expect(await whyEverythingIsUnavailable()).toBe(`${here()} answered with more than 1 MB`);
  });

  it('is unavailable in every reading: HTTP 503', async () => {
    prometheus.answerAll((response) => response.writeHead(503).end('starting'));
    expect(await whyEverythingIsUnavailable()).toBe(`${here()} answered HTTP 503`);
  });

  it('is unavailable in every reading: a web page', async () => {
    prometheus.answerAll((response) => response.writeHead(200).end('<html>sign in</html>'));
    expect(await whyEverythingIsUnavailable()).toBe(
      `${here()} answered with something that is not Prometheus's query API: check the address`,
    );
  });

  it('is unavailable in every reading: an error under HTTP 200', async () => {
    prometheus.answerAll((response) =>
      json(response, 200, { status: 'error', errorType: 'execution', error: 'boom' }),
    );
    expect(await whyEverythingIsUnavailable()).toBe(`${here()} refused the query (HTTP 200): boom`);
  });

  it('is unavailable in every reading: a connection that breaks', async () => {
    prometheus.answerAll((response) => response.destroy());
    expect(await whyEverythingIsUnavailable()).toBe(`${here()} broke the connection off`);
  });

  it('is asked for again at the same instant after a connection that broke, the clock included', async () => {
    const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5 });
    prometheus.answerAll((response) => response.destroy());
    const broken = await metrics.measure(requestOf(), new AbortController().signal);
    expect(readingsOf(broken).every(({ kind }) => kind === 'unavailable')).toBe(true);
    prometheus.reset();
    const whole = await metrics.measure(requestOf(), new AbortController().signal);
    expect(readingsOf(whole).some(({ kind }) => kind === 'unavailable')).toBe(false);
  });

  it('is unavailable in every reading: a body that breaks off', async () => {
    prometheus.answerAll((response) => {
      response
        .writeHead(200, { 'content-length': '1000' })
        .write('{"status":"succ', () => response.destroy());
    });
    expect(await whyEverythingIsUnavailable()).toBe(`${here()} broke off its answer`);
  });

  it('is unavailable in every reading: a turn that has ended', async () => {
    const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 5 });
    const measured = await metrics.measure(requestOf(), AbortSignal.abort());
    expect(readingsOf(measured).every(({ kind }) => kind === 'unavailable')).toBe(true);
    expect(prometheus.asked).toEqual([]);
  });

  it('with partial data is unavailable: warnings are never dropped', async () => {
    prometheus.answer('requests', (response) =>
      json(response, 200, { ...success(counts('v2', { '200': '1000' })), warnings: ['store-2 is down'] }),
    );
    expect((await measure()).checks['errorRate']?.canary).toEqual({
      kind: 'unavailable',
      why: `${here()} gave a partial answer: store-2 is down`,
    });
  });

  it('of the histograms alone leaves the error rate judged', async () => {
    prometheus.answer('buckets', (response) =>
      json(response, 422, { status: 'error', error: 'too many samples' }),
    );
    const { checks } = await measure();
    expect(checks['errorRate']?.canary.kind).toBe('value');
    expect(checks['p99']?.canary).toEqual({
      kind: 'unavailable',
      why: `${here()} refused the query (HTTP 422): too many samples`,
    });
  });
});

describe('names that could end the query', () => {
  it('are not sent at all', async () => {
    const target = targetOf('payments', { stable: 'v1', canary: 'x"}[1s])) or vector(0) #' });
    const measured = await measure({ target });
    expect(readingsOf(measured).every(({ kind }) => kind === 'unavailable')).toBe(true);
    expect(prometheus.asked).toEqual([]);
  });
});

describe('credentials', () => {
  const authorizations = () => new Set(prometheus.asked.map(({ headers }) => headers.authorization));
  const basic = `Basic ${Buffer.from('reader:s3cret').toString('base64')}`;

  it('are sent as a password, from the options or from the address', async () => {
    await measure({}, { auth: { username: 'reader', password: 's3cret' } });
    await measure({}, { url: prometheus.url.replace('//', '//reader:s3cret@') });
    expect(authorizations()).toEqual(new Set([basic]));
  });

  it('are sent as a token, with the headers of a tenant', async () => {
    await measure({}, { auth: { bearerToken: 'tok3n' }, headers: { 'X-Scope-OrgID': 'bank' } });
    expect(authorizations()).toEqual(new Set(['Bearer tok3n']));
    expect(prometheus.asked[0]?.headers['x-scope-orgid']).toBe('bank');
  });

  it('never appear in a reason', async () => {
    prometheus.answerAll((response) => response.writeHead(401).end());
    const refused = await whyEverythingIsUnavailable({
      url: prometheus.url.replace('//', '//reader:s3cret@'),
    });
    expect(refused).toBe(`${here()} refused the credentials (HTTP 401)`);
    const closed = await cannedPrometheus();
    await closed.stop();
    const down = await whyEverythingIsUnavailable({ url: closed.url.replace('//', '//reader:s3cret@') });
    expect(down).not.toMatch(/reader|s3cret/);
  });
});

describe('an address', () => {
  it.each(['prometheus:9090', 'ftp://prometheus', '', '//prometheus'])('such as %j is refused', (url) => {
    expect(() => prometheusMetrics({ url, scrapeSeconds: 5 })).toThrow(
      "Prometheus's address is an http or https URL",
    );
  });

  it('may have a path and end in a slash', async () => {
    const measured = await measure({}, { url: `${prometheus.url}/prometheus/` });
    expect(measured.requests.canary.kind).toBe('value');
  });
});

describe('readiness', () => {
  const ready = (url: string) => prometheusMetrics({ url, scrapeSeconds: 5, deadlineMs: 500 }).ready(never);

  it('is ok when queries are answered', async () => {
    expect(await ready(prometheus.url)).toEqual({ ok: true });
  });

  it('says why when they are not', async () => {
    prometheus.answer('clock', (response) => response.writeHead(503).end());
    expect(await ready(prometheus.url)).toEqual({ ok: false, why: `${here()} answered HTTP 503` });
  });
});
