import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/metrics/answer.ts';
import { selectService } from '../../src/metrics/promql.ts';
import {
  calleesFrom,
  callersFrom,
  forbiddenFrom,
  requestSeriesFrom,
  workloadsOf,
} from '../../src/metrics/surroundings-calls.ts';
import { calleesQuery, callersQuery } from '../../src/metrics/surroundings-queries.ts';
import { entryTarget, hostTarget, targetOf } from './requests.ts';

const target = targetOf('payments');
const inMesh = { countedAtSenders: false };

function from(workload: string, value: number, labels: Record<string, string> = {}): Row {
  const source = {
    source_workload: workload,
    source_workload_namespace: 'order',
    source_principal: `spiffe://cluster.local/ns/order/sa/${workload}`,
    connection_security_policy: 'mutual_tls',
  };
  return { labels: { ...source, ...labels }, value };
}

const plain = { connection_security_policy: 'none', source_principal: 'unknown' };

describe('the callers of a service', () => {
  it('are told with what each sends a second, and how much of it without mutual TLS', () => {
    const outside = { ...plain, source_workload_namespace: 'unknown' };
    expect(
      callersFrom(
        [
          from('orders', 900),
          from('orders', 450, { connection_security_policy: 'none' }),
          from('unknown', 9, outside),
        ],
        inMesh,
      ),
    ).toEqual({
      kind: 'read',
      value: [
        {
          workload: 'orders',
          namespace: 'order',
          principal: 'spiffe://cluster.local/ns/order/sa/orders',
          requestsPerSecond: 1.5,
          plaintextPerSecond: 0.5,
        },
        {
          workload: 'unknown',
          namespace: 'unknown',
          principal: null,
          requestsPerSecond: 0.01,
          plaintextPerSecond: 0.01,
        },
      ],
    });
  });

  it('are nobody when the counters stand still', () => {
    expect(callersFrom([from('orders', 0, plain)], inMesh)).toEqual({ kind: 'read', value: [] });
  });

  it('are no proof of mutual TLS where its label was taken off, or senders counted', () => {
    const { connection_security_policy: _, ...untold } = from('orders', 9).labels;
    expect(callersFrom([{ labels: untold, value: 9 }], inMesh)).toMatchObject({
      value: [{ plaintextPerSecond: 0 }],
      gaps: ['the requests of order/orders carry no label connection_security_policy'],
    });
    const atSenders = from('orders', 9, { connection_security_policy: 'unknown' });
    expect(callersFrom([atSenders], { countedAtSenders: true })).toMatchObject({
      value: [{ plaintextPerSecond: 0 }],
      gaps: ['the requests are counted at their senders, which do not say if by mutual TLS'],
    });
  });
});

describe('what stable calls', () => {
  const to = (name: string, namespace: string, host: string, value = 900): Row => ({
    labels: {
      destination_service_name: name,
      destination_service_namespace: namespace,
      destination_service: host,
    },
    value,
  });

  it.each([
    [
      to('ledger', 'books', 'ledger.books.svc.cluster.local'),
      { host: 'ledger.books.svc.cluster.local', service: { name: 'ledger', namespace: 'books' } },
    ],
    [
      to('ledger', 'books', 'unknown'),
      { host: 'ledger.books', service: { name: 'ledger', namespace: 'books' } },
    ],
    [
      to('api.cards.example.com', 'egress', 'api.cards.example.com'),
      { host: 'api.cards.example.com', service: null },
    ],
    [to('PassthroughCluster', 'unknown', 'unknown'), { host: 'PassthroughCluster', service: null }],
    [to('BlackHoleCluster', '', 'evil.example.com'), { host: 'BlackHoleCluster', service: null }],
    [to('unknown', 'unknown', 'unknown'), { host: 'unknown', service: null }],
  ])('is a service, a host outside or what left unknown: %j', (row, expected) => {
    expect(calleesFrom([row])).toEqual([{ ...expected, requestsPerSecond: 1 }]);
  });

  it('is added up by host, and forgotten when it was not called', () => {
    const rows = [
      to('a.example.com', 'x', ''),
      to('a.example.com', 'y', ''),
      to('b.example.com', 'x', '', 0),
    ];
    expect(calleesFrom(rows)).toEqual([{ host: 'a.example.com', service: null, requestsPerSecond: 2 }]);
  });

  it('is asked for by the workloads of stable alone, none of which can end the query', () => {
    const workload = (name: string, version: string): Row => ({
      labels: {
        destination_workload: name,
        destination_workload_namespace: 'bank',
        destination_version: version,
      },
      value: 1,
    });
    const rows = [
      workload('pay.v1', 'v1'),
      workload('x"}) or vector(1) #', 'v1'),
      workload('pay-v2', 'v2'),
      workload('unknown', 'v1'),
    ];
    const query = calleesQuery(workloadsOf(rows, target, ['stable']));
    expect(query).toContain('source_workload_namespace="bank",source_workload=~"pay[.]v1"}');
    expect(query).not.toContain('vector(1)');
    expect(calleesQuery([])).toBeNull();
  });
});

describe('the question for callers', () => {
  it.each([
    [
      'of a service',
      target,
      'reporter="destination",destination_service_namespace="bank",destination_service_name="payments"',
    ],
    [
      'of two services',
      hostTarget(),
      'reporter="destination",destination_workload_namespace="bank",destination_workload=~"blue-pods"',
    ],
    [
      'of hosts outside',
      entryTarget(),
      'reporter="source",destination_service_namespace="bank",destination_service_name="rates.example.com"',
    ],
  ])('is put where they are counted: %s', (_name, asked, matchers) => {
    const selector = selectService(asked);
    if (selector.kind === 'refused') throw new Error(selector.why);
    expect(callersQuery(asked, selector, [{ name: 'blue-pods', namespace: 'bank' }])).toContain(matchers);
  });
});

describe('answers 403', () => {
  const answered = (version: string, code: string, value: number): Row => ({
    labels: { destination_version: version, response_code: code },
    value,
  });

  it('are counted by arm, and none of a canary without requests', () => {
    expect(forbiddenFrom([answered('v1', '200', 990.4), answered('v1', '403', 9.8)], target)).toEqual({
      kind: 'read',
      value: {
        stable: { requests: 1000, forbidden: 10 },
        canary: { requests: 0, forbidden: 0 },
        window: 300,
      },
    });
  });

  it('are unknown where nothing was counted at all', () => {
    expect(forbiddenFrom([], target)).toMatchObject({
      kind: 'unread',
      why: 'no series of istio_requests_total for bank/payments: nobody called, or its proxies are not scraped',
    });
  });
});

describe('the series of requests', () => {
  const series = (labels: Record<string, string>): Row => ({
    labels: { reporter: 'destination', ...labels },
    value: 1,
  });

  it.each([
    [
      'two jobs',
      [
        series({ job: 'istio', pod: 'a', instance: '10.0.0.1:15020' }),
        series({ job: 'pods', pod: 'a', instance: '10.0.0.1:15020' }),
      ],
      ['job=istio port=15020, job=pods port=15020'],
    ],
    [
      'two ports of one pod, named once for all pods',
      ['1', '2'].flatMap((ip) =>
        ['15020', '15090'].map((port) => series({ job: 'pods', instance: `10.0.0.${ip}:${port}` })),
      ),
      ['job=pods port=15020, job=pods port=15090'],
    ],
    [
      'two replicas',
      [
        series({ job: 'istio', pod: 'a', prometheus_replica: 'r0' }),
        series({ job: 'istio', pod: 'a', prometheus_replica: 'r1' }),
      ],
      ['job=istio prometheus_replica=r0, job=istio prometheus_replica=r1'],
    ],
    ['one scrape of each pod', [series({ job: 'istio', pod: 'a' }), series({ job: 'pods', pod: 'b' })], []],
  ])('that stand twice are found: %s', (_name, rows, duplicates) => {
    expect(requestSeriesFrom(rows, target)).toEqual({
      kind: 'read',
      value: { duplicates, reporters: ['destination'] },
    });
  });

  it('of the caller and of the called are no duplicates of each other', () => {
    const rows = [series({ job: 'istio', pod: 'a' }), series({ job: 'pods', pod: 'a', reporter: 'source' })];
    expect(requestSeriesFrom(rows, target)).toEqual({
      kind: 'read',
      value: { duplicates: [], reporters: ['destination', 'source'] },
    });
  });
});
