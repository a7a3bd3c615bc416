import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answersInTime, queriesAreCheap } from '../../src/readiness/prometheus/answers.ts';
import { limitsInBuckets } from '../../src/readiness/prometheus/buckets.ts';
import { enoughRequests } from '../../src/readiness/prometheus/data.ts';
import { lowestShare, shortestWindow } from '../../src/readiness/prometheus/enough.ts';
import { labelsExist } from '../../src/readiness/prometheus/labels.ts';
import { countedOnce, failuresAreSeen } from '../../src/readiness/prometheus/series.ts';
import { windowsLongEnough } from '../../src/readiness/prometheus/windows.ts';
import { prometheusChecks } from '../../src/readiness/prometheus.ts';
import type { Fact, Snapshot, StableSurvey, SurveyedCheck } from '../../src/readiness/snapshot.ts';
import { healthy, judged, read, subjectWith, unread } from './healthy.ts';

function valueIn<Value>(fact: Fact<Value>): Value {
  if (fact.kind === 'unread') throw new Error('a healthy target has read every fact');
  return fact.value;
}

const survey: StableSurvey = valueIn(healthy().survey);
const labels = valueIn(healthy().metricLabels);

function surveyWith(
  id: string,
  changes: Partial<SurveyedCheck>,
  perSecond: number | null = 600,
): Snapshot['survey'] {
  const checks = survey.checks.map((check) => (check.id === id ? { ...check, ...changes } : check));
  return read({ requestsPerSecond: perSecond, checks });
}

function limitOf(max: number): Snapshot {
  return healthy({
    subject: subjectWith({
      checks: [{ id: 'p99', metric: 'p99LatencyMs', max, window: 60, minRequests: 100 }],
    }),
  });
}

describe('every check of Prometheus', () => {
  it('passes on a healthy target and says what it saw', () => {
    const found = prometheusChecks.flatMap((check) => check.run(healthy()));
    expect(found.map(({ id, result, read: seen }) => ({ id, result, seen }))).toEqual([
      {
        id: 'PF-PR-01',
        result: 'pass',
        seen: "Prometheus answered in 0.02 s, and its clock is 0.4 s ahead of canaryd's database",
      },
      {
        id: 'PF-PR-02',
        result: 'pass',
        seen: 'check errorRate: stable gets 600 requests/s, so that 5 % brings the canary 1800 in 60 s; 100 are needed; check p99: stable gets 600 requests/s, so that 5 % brings the canary 1800 in 60 s; 100 are needed',
      },
      {
        id: 'PF-PR-03',
        result: 'pass',
        seen: 'the metrics of payment-prod/payment-service have all 7 labels: reporter, destination_service_name, destination_service_namespace, destination_version, destination_workload, response_code, le',
      },
      {
        id: 'PF-PR-04',
        result: 'pass',
        seen: 'the shortest window is 60 s, and metrics are scraped every 15 s',
      },
      {
        id: 'PF-PR-05',
        result: 'pass',
        seen: "check p99: the limit of 1000 ms is a bound of stable's histogram",
      },
      {
        id: 'PF-PR-06',
        result: 'pass',
        seen: 'each pod of payment-prod/payment-service is in the metrics once',
      },
      {
        id: 'PF-PR-07',
        result: 'pass',
        seen: 'requests of payment-prod/payment-service are counted by destination and source, and the checks ask there',
      },
      { id: 'PF-PR-08', result: 'pass', seen: 'Prometheus answered in 0.02 s; 2 s is the limit' },
    ]);
  });

  it('is unknown when Prometheus could not be read', () => {
    const gone = unread('connection refused');
    const dark = healthy({
      provider: gone,
      survey: gone,
      metricLabels: gone,
      scrape: gone,
      requestSeries: gone,
    });
    const found = prometheusChecks.flatMap((check) => check.run(dark));
    expect(new Set(found.map(({ result }) => result))).toEqual(new Set(['unknown']));
    expect(new Set(found.map(({ id }) => id)).size).toBe(8);
  });

  it('asks for the clock again before each raise, and for nothing else', () => {
    expect(prometheusChecks.filter(({ again }) => again).map(({ id }) => id)).toEqual(['PF-PR-01']);
  });
});

describe('PF-PR-01', () => {
  it.each([
    [30, 'pass'],
    [-30, 'pass'],
    [30.1, 'fail'],
    [Number.NaN, 'unknown'],
  ])('a clock that is off by %s s: %s', (clockOffset, result) => {
    const snapshot = healthy({ provider: read({ clockOffset, seconds: 0.02 }) });
    expect(judged(answersInTime, snapshot)).toMatchObject([{ result }]);
  });

  it('refuses a rollout when the clock of Prometheus is off by more than 30 s', () => {
    expect(judged(answersInTime, healthy({ provider: read({ clockOffset: -45, seconds: 0.02 }) }))).toEqual([
      {
        result: 'fail',
        severity: 'error',
        priority: 'P0',
        again: true,
        read: "the clock of Prometheus is 45 s behind canaryd's database; 30 s is the limit",
        means:
          'the windows of the checks would miss the newest requests or hold those from before a change of the weight: nothing that is measured of v2 may be believed',
        mend: 'synchronise the clocks of both hosts; on each: chronyc tracking, or timedatectl timesync-status',
      },
    ]);
  });
});

describe('PF-PR-02', () => {
  it('refuses a rollout when a check finds no series of stable', () => {
    const snapshot = healthy({ survey: surveyWith('errorRate', { requests: null, value: null }) });
    expect(judged(enoughRequests, snapshot)).toMatchObject([
      {
        severity: 'error',
        read: 'check errorRate: Prometheus has no series of stable (v1 of payment-prod/payment-service) in the last 60 s',
        means:
          'there is nothing to compare v2 with, and by the same query nothing would be seen of it: it could neither pass nor be turned back',
        mend: 'send requests to payment-service, and see whether its proxies are scraped; the query must answer: sum by (destination_version) (increase(istio_requests_total[60s]))',
      },
    ]);
  });

  it('is unknown when the answer about stable could not be read', () => {
    const unread = 'the query took longer than 3 s';
    const snapshot = healthy({ survey: surveyWith('p99', { unread, requests: null, value: null }) });
    expect(judged(enoughRequests, snapshot)).toMatchObject([
      {
        result: 'unknown',
        read: 'what check p99 asks of stable could not be read: the query took longer than 3 s',
      },
    ]);
  });

  it('refuses a rollout when stable has no request at all, or requests without a value', () => {
    const silent = healthy({ survey: surveyWith('p99', { requests: 0, value: null }, 0) });
    expect(judged(enoughRequests, silent)).toMatchObject([{ severity: 'warn' }, { severity: 'error' }]);
    const valueless = healthy({ survey: surveyWith('p99', { value: null }) });
    expect(judged(enoughRequests, valueless)).toMatchObject([
      {
        severity: 'error',
        read: 'check p99: 36000 requests of stable (v1) in the last 60 s, but no P99 latency',
      },
    ]);
  });

  it('warns of night traffic with the figure, and proposes a longer window and bake or a larger share', () => {
    const checks = survey.checks.map((check) => ({ ...check, requests: 240 }));
    const night = healthy({ survey: read({ requestsPerSecond: 4, checks }) });
    expect(judged(enoughRequests, night)[0]).toMatchObject({
      severity: 'warn',
      read: 'check errorRate: stable gets 4 requests/s, so that 5 % brings the canary 12 in 60 s, and 100 are needed',
      means:
        'at 5 % nothing can be said of v2: the rollout is held there until more requests come or its deadline of 2 h has passed',
      mend: 'check errorRate: a window and a bake of at least 500 s (the shortest bake is 300 s), or a first share of at least 41.7 %; else start when the service has more requests, or lower minRequests',
    });
  });

  it('takes a share that brings just enough requests, and not one fewer', () => {
    const at = (perSecond: number) =>
      judged(enoughRequests, healthy({ survey: read({ ...survey, requestsPerSecond: perSecond }) })).map(
        ({ result }) => result,
      );
    expect(at(100 / 3)).toEqual(['pass']);
    expect(at(33.3)).toEqual(['fail', 'fail']);
  });

  it('is unknown for a check that Prometheus was not asked about', () => {
    const one = healthy({ survey: read({ requestsPerSecond: 600, checks: survey.checks.slice(0, 1) }) });
    expect(judged(enoughRequests, one)).toMatchObject([
      { result: 'unknown', read: 'check p99 was not asked of Prometheus' },
    ]);
  });

  it('does not count for a plan that bakes no share', () => {
    const snapshot = healthy({
      subject: subjectWith({ shortestBake: null }),
      survey: read({ ...survey, requestsPerSecond: 0.01 }),
    });
    expect(judged(enoughRequests, snapshot)).toMatchObject([{ result: 'pass' }]);
  });

  it('never proposes a share or a window that brings too few requests', () => {
    const figures = [
      fc.double({ min: 0.01, max: 5000, noNaN: true }),
      fc.integer({ min: 1, max: 100_000 }),
    ] as const;
    fc.assert(
      fc.property(...figures, fc.integer({ min: 1, max: 100 }), (perSecond, requests, share) => {
        const seconds = shortestWindow(perSecond, share, requests);
        const larger = lowestShare(perSecond, 60, requests);
        const slack = 1 + 1e-9;
        expect(seconds === null || perSecond * (share / 100) * seconds * slack >= requests).toBe(true);
        expect(larger === null || perSecond * (larger / 100) * 60 * slack >= requests).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('PF-PR-03', () => {
  const without = (label: string) => healthy({ metricLabels: read(labels.filter((one) => one !== label)) });

  it('refuses a rollout when the versions cannot be told apart', () => {
    expect(judged(labelsExist, without('destination_version'))).toMatchObject([
      {
        severity: 'error',
        read: 'the metrics of payment-prod/payment-service have no label destination_version',
        means:
          'the requests of the canary could not be told from those of stable: nothing that they say of v2 would hold',
        mend: 'see that no Telemetry removes it (spec.metrics[].overrides[].tagOverrides): kubectl get telemetries -A -o yaml, and that no rule of the scrape drops it (metric_relabel_configs); pods need the label version: kubectl -n payment-prod get pods -L version',
      },
    ]);
  });

  it.each(['destination_workload', 'response_code', 'reporter', 'le'])('needs the label %s', (label) => {
    expect(judged(labelsExist, without(label))).toMatchObject([{ severity: 'error', result: 'fail' }]);
  });

  it('does not need le for a native histogram, nor for a plan without a latency limit', () => {
    const native = { ...without('le'), survey: surveyWith('p99', { boundsMs: null }) };
    expect(judged(labelsExist, native)).toMatchObject([{ result: 'pass' }]);
    const errorsOnly = {
      ...without('le'),
      subject: subjectWith({ checks: subjectWith().checks.slice(0, 1) }),
    };
    expect(judged(labelsExist, errorsOnly)).toMatchObject([{ result: 'pass' }]);
  });

  it('is content when a Telemetry shapes the metrics of another provider', () => {
    const telemetry = {
      kind: 'Telemetry' as const,
      metadata: { name: 'otel', namespace: 'istio-system' },
      spec: {
        metrics: [
          {
            providers: [{ name: 'otel' }],
            overrides: [{ tagOverrides: { destination_version: { operation: 'REMOVE' } } }],
          },
        ],
      },
    };
    expect(judged(labelsExist, healthy({ selectors: read([telemetry]) }))).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('is unknown when the service has no series', () => {
    expect(judged(labelsExist, healthy({ metricLabels: read([]) }))).toMatchObject([{ result: 'unknown' }]);
  });
});

describe('PF-PR-04', () => {
  it('warns of a window of less than four scrapes', () => {
    expect(judged(windowsLongEnough, healthy({ scrape: read(30) }))[0]).toMatchObject({
      severity: 'warn',
      read: 'check errorRate looks back 60 s, and metrics are scraped every 30 s: 120 s is the least',
      means:
        'one scrape that fails leaves too few samples to count by: the check would see nothing of v2, or a part of its requests',
      mend: 'in the plan, set window of check errorRate to at least 120 s, or scrape at least every 15 s',
    });
  });

  it('refuses a window of less than two scrapes, which has no rate at all', () => {
    const [failure] = judged(windowsLongEnough, healthy({ scrape: read(31) }));
    expect(failure).toMatchObject({ severity: 'error' });
  });

  it.each([
    [15, 'pass'],
    [15.01, 'fail'],
    [0, 'unknown'],
    [Number.NaN, 'unknown'],
  ])('a scrape every %s s: %s', (scrape, result) => {
    expect(judged(windowsLongEnough, healthy({ scrape: read(scrape) }))[0]).toMatchObject({ result });
  });
});

describe('PF-PR-05', () => {
  const coarse = [1, 10, 100, 1000];

  it('refuses a limit above the last finite bucket before traffic moves', () => {
    const snapshot = { ...limitOf(5000), survey: surveyWith('p99', { boundsMs: coarse }) };
    const patch = `'{"spec":{"template":{"metadata":{"annotations":{"sidecar.istio.io/statsHistogramBuckets":"{\\"istiocustom.istio_request_duration_milliseconds\\":[1,10,100,1000,5000]}"}}}}}'`;
    expect(judged(limitsInBuckets, snapshot)).toEqual([
      {
        result: 'fail',
        severity: 'error',
        priority: 'P0',
        again: false,
        read: "check p99: the limit is 5000 ms, and the last finite bucket of stable's latency ends at 1000 ms",
        means:
          'Prometheus answers 1000 ms for every P99 above it: whether v2 takes 5000 ms or ten times as long cannot be seen, so that it would not be turned back for it',
        mend: `in the plan, set the limit of check p99 to at most 1000 ms; or give the histogram a bound at the limit by the annotation sidecar.istio.io/statsHistogramBuckets on the pod templates of both versions (their pods restart): kubectl -n payment-prod patch deployment <the one behind v1> --type=merge -p ${patch}; kubectl -n payment-prod patch deployment <the one behind v2> --type=merge -p ${patch}`,
      },
    ]);
  });

  it('warns of a limit inside a bucket, with its bounds', () => {
    const [found] = judged(limitsInBuckets, limitOf(600));
    expect(found).toMatchObject({
      severity: 'warn',
      read: "check p99: the limit of 600 ms lies inside the bucket from 500 to 1000 ms of stable's latency",
      means:
        'a P99 in there is interpolated: all that is known of v2 near its limit is that it takes between 500 and 1000 ms, so that it is turned back only if it is also worse than stable',
      mend: expect.stringContaining('set the limit of check p99 to 500 or 1000 ms'),
    });
  });

  it.each([
    [999, 'warn'],
    [1000, 'pass'],
    [1001, 'error'],
    [0.5, 'warn'],
  ])('a limit of %s ms with a last bound of 1000 ms: %s', (max, severity) => {
    const snapshot = { ...limitOf(max), survey: surveyWith('p99', { boundsMs: coarse }) };
    const [found] = judged(limitsInBuckets, snapshot);
    expect(found?.result === 'fail' ? found['severity'] : found?.result).toBe(severity);
  });

  it('exempts native histograms, which have no bounds to show', () => {
    const snapshot = { ...limitOf(600), survey: surveyWith('p99', { boundsMs: null }) };
    expect(judged(limitsInBuckets, snapshot)).toMatchObject([{ result: 'skip' }]);
  });

  it('is unknown when no bucket was seen', () => {
    const snapshot = { ...limitOf(600), survey: surveyWith('p99', { boundsMs: null, value: null }) };
    expect(judged(limitsInBuckets, snapshot)).toMatchObject([{ result: 'unknown' }]);
  });

  it('puts all limits of the plan into one annotation, so that mending one keeps the other', () => {
    const check = { metric: 'p99LatencyMs' as const, window: 60, minRequests: 100 };
    const subject = subjectWith({
      checks: [
        { ...check, id: 'p99', max: 600 },
        { ...check, id: 'slow', max: 5000 },
      ],
    });
    const [p99] = survey.checks.filter(({ id }) => id === 'p99');
    const both = ['p99', 'slow'].flatMap((id) =>
      p99 === undefined ? [] : [{ ...p99, id, boundsMs: coarse }],
    );
    const found = judged(
      limitsInBuckets,
      healthy({ subject, survey: read({ requestsPerSecond: 600, checks: both }) }),
    );
    expect(found.map(({ severity }) => severity)).toEqual(['error', 'warn']);
    for (const { mend } of found) expect(mend).toContain('[1,10,100,600,1000,5000]');
  });

  it('names the callers where they time the requests', () => {
    const { canary } = subjectWith();
    const service = { ...canary.service, name: 'payment-service-canary' };
    const split = { ...limitOf(600), subject: { ...limitOf(600).subject, canary: { ...canary, service } } };
    expect(judged(limitsInBuckets, split)[0]?.['mend']).toContain('pod templates of the callers');
  });

  it('never lets a limit pass that is no bound', () => {
    const base = healthy();
    const bounds = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(bounds, fc.integer({ min: 1, max: 12_000 }), (boundsMs, max) => {
        const checks = subjectWith()
          .checks.filter(({ id }) => id === 'p99')
          .map((one) => ({ ...one, max }));
        const snapshot = {
          ...base,
          subject: subjectWith({ checks }),
          survey: surveyWith('p99', { boundsMs }),
        };
        const [found] = judged(limitsInBuckets, snapshot);
        expect(found?.result).toBe(boundsMs.includes(max) ? 'pass' : 'fail');
        expect(found?.result === 'fail' && found['severity'] === 'error').toBe(max > Math.max(...boundsMs));
      }),
      { numRuns: 200 },
    );
  });
});

describe('PF-PR-06', () => {
  const twice = healthy({
    requestSeries: read({ duplicates: ['job=istio, job=pods'], reporters: ['destination', 'source'] }),
  });

  it('refuses a rollout whose requests are counted twice', () => {
    expect(judged(countedOnce, twice)).toMatchObject([
      {
        severity: 'error',
        read: 'the same pods of payment-prod/payment-service are in the metrics more than once: job=istio, job=pods',
        means:
          'every request counts several times: errorRate and p99 would judge v2 by a fraction of the requests that the plan asks for, although ratios stay the same',
        mend: expect.stringContaining('let Prometheus scrape the proxies by one job'),
      },
    ]);
  });

  it('is content where no check counts requests, because ratios stay the same', () => {
    const checks = subjectWith().checks.map((check) => ({ ...check, minRequests: 1 }));
    expect(judged(countedOnce, { ...twice, subject: subjectWith({ checks }) })).toMatchObject([
      { result: 'pass' },
    ]);
  });
});

describe('PF-PR-07', () => {
  const countedBy = (...reporters: string[]) => read({ duplicates: [], reporters });

  it('warns when no caller counts what reached no pod', () => {
    expect(judged(failuresAreSeen, healthy({ requestSeries: countedBy('destination') }))).toMatchObject([
      {
        severity: 'warn',
        read: 'requests of payment-prod/payment-service are counted by destination only; none of the callers counts them (reporter="source")',
        means:
          'a request that reaches no pod of v2 (503 UH, UF, NR) would be counted by nobody: a canary that refuses connections looks like one without traffic',
        mend: expect.stringContaining('kubectl get pods -A'),
      },
    ]);
  });

  it('warns when the checks ask a reporter that counts nothing', () => {
    const query = 'sum(increase(istio_requests_total{reporter="destination"}[60s]))';
    const snapshot = healthy({
      requestSeries: countedBy('source'),
      survey: surveyWith('errorRate', { query }),
    });
    expect(judged(failuresAreSeen, snapshot)).toMatchObject([
      {
        severity: 'warn',
        read: 'checks errorRate ask for a reporter that counts no request; only source does',
      },
    ]);
  });

  it('is content with the waypoint of an ambient mesh, when the checks ask it', () => {
    const query = 'sum(increase(istio_requests_total{reporter="waypoint"}[60s]))';
    const checks = survey.checks.map((check) => ({ ...check, query }));
    const ambient = healthy({
      requestSeries: countedBy('waypoint'),
      survey: read({ requestsPerSecond: 600, checks }),
    });
    expect(judged(failuresAreSeen, ambient)).toMatchObject([{ result: 'pass' }]);
  });

  it('is unknown when nobody counts a request', () => {
    expect(judged(failuresAreSeen, healthy({ requestSeries: countedBy() }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });
});

describe('PF-PR-08', () => {
  it('tells of a Prometheus that takes 2 s or more', () => {
    expect(
      judged(queriesAreCheap, healthy({ provider: read({ clockOffset: 0, seconds: 3.24 }) })),
    ).toMatchObject([
      {
        severity: 'info',
        read: 'Prometheus took 3.2 s for a query; 2 s is the limit',
        means: 'each poll of the canary waits for it: a fault of v2 is seen that much later',
        mend: expect.stringContaining('prometheus_engine_query_duration_seconds'),
      },
    ]);
  });
});
