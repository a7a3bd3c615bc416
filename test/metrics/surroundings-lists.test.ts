import { describe, expect, it } from 'vitest';
import type { Answer, Listed } from '../../src/metrics/answer.ts';
import {
  alertRulesFrom,
  alertsFrom,
  metricLabelsFrom,
  scrapeFrom,
  scrapeIntervalIn,
} from '../../src/metrics/surroundings-lists.ts';

const listed = (data: unknown, partial: string[] = []): Listed => ({ kind: 'listed', data, partial });
const failed: Listed = { kind: 'failed', why: 'Prometheus at p:9090 answered HTTP 404', fault: 'provider' };

describe('the labels of the metrics', () => {
  it('are those of the requests, and le when latency has buckets', () => {
    const requests = listed(['__name__', 'destination_version', 'reporter']);
    expect(metricLabelsFrom(requests, listed(['__name__', 'le', 'extra']))).toEqual({
      kind: 'read',
      value: ['destination_version', 'reporter', 'le'],
    });
    expect(metricLabelsFrom(requests, listed([]))).toEqual({
      kind: 'read',
      value: ['destination_version', 'reporter'],
    });
  });

  it('are none to look at without requests, and unknown without an answer', () => {
    expect(metricLabelsFrom(listed([]), listed([]))).toBeNull();
    expect(metricLabelsFrom(failed, listed([]))).toMatchObject({ kind: 'unread', why: failed.why });
    expect(metricLabelsFrom(listed({}), listed([]))).toMatchObject({ kind: 'unread' });
    expect(metricLabelsFrom(listed(['reporter'], ['store-2 is away']), failed)).toMatchObject({
      value: ['reporter'],
      gaps: [
        'the buckets of the latency could not be looked for: Prometheus at p:9090 answered HTTP 404',
        'store-2 is away',
      ],
    });
  });
});

describe('the time between two scrapes', () => {
  const target = (job: string, scrapeInterval: string, instance = '10.0.0.1:15020') => ({
    discoveredLabels: { __address__: instance },
    labels: { job, instance },
    scrapePool: job,
    health: 'up',
    scrapeInterval,
    scrapeTimeout: '10s',
  });
  const series = [{ labels: { job: 'istio', instance: '10.0.0.1:15020' }, value: 1 }];

  it.each([
    ['15s', 15],
    ['1m30s', 90],
    ['200ms', 0.2],
    ['0s', null],
    ['soon', null],
  ])('is read of the job that scrapes the service: %s', (text, seconds) => {
    const targets = [
      target('istio', text),
      target('nodes', '1h'),
      target('istio', '2h', '10.0.0.9:15020'),
      {},
    ];
    expect(scrapeIntervalIn(listed({ activeTargets: targets, droppedTargets: [] }), series)).toBe(seconds);
  });

  it('is not told by a provider that scrapes nothing', () => {
    expect(scrapeIntervalIn(failed, series)).toBeNull();
    expect(scrapeIntervalIn(listed({ activeTargets: [] }), series)).toBeNull();
  });

  it('is measured where it is not told and, where that fails too, as configured with a gap', () => {
    const about = { scrapeSeconds: 15, lookedBack: 300 };
    const samples = (value: number): Answer => ({ kind: 'rows', rows: [{ labels: {}, value }] });
    expect(scrapeFrom(30, samples(20), about)).toEqual({ kind: 'read', value: 30 });
    expect(scrapeFrom(null, samples(10), about)).toEqual({ kind: 'read', value: 30 });
    expect(scrapeFrom(null, { kind: 'rows', rows: [] }, about)).toEqual({
      kind: 'read',
      value: 15,
      gaps: [expect.stringContaining('this is what canaryd is configured with')],
    });
  });
});

describe('alert rules', () => {
  const rule = {
    state: 'inactive',
    name: 'PaymentsSlow',
    query: 'p99 > 1',
    duration: 60,
    labels: { severity: 'page' },
    annotations: {},
    alerts: [],
    health: 'err',
    lastError: 'many-to-many matching',
    evaluationTime: 0.001,
    lastEvaluation: '2026-01-01T00:00:00.5Z',
    type: 'alerting',
  };
  const group = (...rules: unknown[]) => ({
    name: 'payments',
    file: '/r.yml',
    interval: 30,
    limit: 0,
    rules,
  });

  it('are told with how they last went; recording rules are none', () => {
    const never = {
      ...rule,
      name: 'New',
      health: 'unknown',
      lastError: '',
      lastEvaluation: '0001-01-01T00:00:00Z',
    };
    const recording = { name: 'job:p99', query: 'p99', health: 'ok', type: 'recording' };
    expect(alertRulesFrom(listed({ groups: [group(rule, never, recording)] }))).toEqual({
      kind: 'read',
      value: [
        {
          group: 'payments',
          name: 'PaymentsSlow',
          query: 'p99 > 1',
          labels: { severity: 'page' },
          health: 'err',
          lastError: 'many-to-many matching',
          lastEvaluation: 1_767_225_600_500,
          interval: 30,
          forSeconds: 60,
        },
        expect.objectContaining({ name: 'New', lastError: null, lastEvaluation: null }),
      ],
    });
  });

  it('of which one is not understood leave the others, and a gap', () => {
    const broken = { ...rule, name: 'Odd', query: 7 };
    const { value, gaps } = {
      value: [],
      gaps: [],
      ...alertRulesFrom(listed({ groups: [group(broken, rule), 3] }, ['partial'])),
    };
    expect([value.length, gaps]).toEqual([
      1,
      [
        expect.stringMatching(/^the rule Odd of the group payments is not understood: query /),
        expect.stringMatching(/^a group of rules is not understood: it /),
        'partial',
      ],
    ]);
  });

  it('are unknown at a provider that has no such list, and none at one that has no groups', () => {
    expect(alertRulesFrom(failed)).toMatchObject({ kind: 'unread', why: failed.why });
    expect(alertRulesFrom(listed('hello'))).toMatchObject({ kind: 'unread' });
    expect(alertRulesFrom(listed({ groups: null }))).toEqual({ kind: 'read', value: [] });
  });
});

describe('alerts', () => {
  const alert = {
    labels: { alertname: 'PaymentsSlow', severity: 'page' },
    annotations: { summary: 'slow' },
    state: 'firing',
    activeAt: '2026-01-01T00:00:00Z',
    value: '2e+00',
  };

  it('are those that fire or are about to', () => {
    const alerts = [
      alert,
      { ...alert, state: 'pending', activeAt: undefined },
      { ...alert, state: 'inactive' },
      { ...alert, state: 'odd' },
    ];
    expect(alertsFrom(listed({ alerts }))).toEqual({
      kind: 'read',
      value: [
        { name: 'PaymentsSlow', labels: alert.labels, state: 'firing', since: 1_767_225_600_000 },
        { name: 'PaymentsSlow', labels: alert.labels, state: 'pending', since: null },
      ],
      gaps: [expect.stringMatching(/^an alert is not understood: state /)],
    });
  });

  it('are unknown without an answer', () => {
    expect(alertsFrom(failed)).toMatchObject({ kind: 'unread', why: failed.why });
    expect(alertsFrom(listed([]))).toMatchObject({ kind: 'unread' });
  });
});
