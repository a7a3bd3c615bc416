import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bankAlertRules } from '../../local/alert-rules.ts';
import { ensurePrometheus, type RunningPrometheus, startPrometheus } from '../../local/prometheus.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import { budgetQuery } from '../../src/metrics/surroundings-budgets.ts';
import type { Fact } from '../../src/readiness/snapshot.ts';
import { type MetricsFacts, metricsFacts } from '../../src/readiness/sources.ts';
import { withRules } from '../../src/rollout/rule-checks.ts';
import type { Target } from '../../src/rollout/target.ts';
import { entryTarget, hostTarget, targetOf } from '../metrics/requests.ts';
import { eventually, noSignal } from './metrics.ts';

let page: Server;
let prometheus: RunningPrometheus;
/** Counters on the page rise with each time that it is read. */
let reads = 0;
const start = Date.now();
const inTenYears = Math.round(start / 1000) + 315_360_000;
/** Changes are looked for every ten minutes of the clock: this is the last of these, in seconds. */
const lastLook = Math.floor(start / 600_000) * 600;

beforeAll(async () => {
  page = createServer((_, response) => {
    reads += 1;
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(`${lines().join('\n')}\n`);
  }).listen(0, '127.0.0.1');
  await once(page, 'listening');
  const address = page.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const log = () => undefined;
  const { binary } = await ensurePrometheus({ log });
  const sources = { scrapeUrls: [`http://127.0.0.1:${port}/metrics`] };
  prometheus = await startPrometheus({ binary, sources, scrapeSeconds: 0.2, rules, log });
}, 180_000);
afterAll(async () => {
  await prometheus.stop();
  page.closeAllConnections();
  page.close();
});

const paging = { severity: 'critical', destination_service_name: 'payments' };
const twoRows = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")';
/** Those of a bank, one that always fires, and one that cannot be evaluated: two rows stand where one has to. */
const rules = {
  groups: [
    ...bankAlertRules.groups,
    {
      name: 'odd',
      rules: [
        { alert: 'Always', expr: 'vector(1) > 0', for: '0s', labels: paging },
        { alert: 'Broken', expr: `vector(1) + on () (${twoRows})` },
        { record: 'slo:budget_left:ratio', expr: 'vector(0.75)', labels: { service: 'payments' } },
        { record: 'slo:budgets_left:ratio', expr: twoRows },
      ],
    },
  ],
};

function lines(): string[] {
  const pods = ['v1', 'v2'].map((version) => ({ version, pod: `payments-${version}-5d8c7-abcde` }));
  return [
    ...pods.flatMap(({ version, pod }) => {
      const atPod = `namespace="bank",pod="${pod}"`;
      return [
        received({ version, pod, code: '200' }, 20),
        received({ version, pod, code: '403' }, version === 'v2' ? 2 : 0),
        `istio_request_duration_milliseconds_bucket{reporter="destination",${service},destination_version="${version}",pod="${pod}",le="100"} ${reads}`,
        `istio_agent_cert_expiry_seconds{${atPod},resource_name="default"} ${86_400 - reads}`,
        `kube_pod_labels{${atPod},label_app="payments",label_version="${version}"} 1`,
        `container_cpu_cfs_periods_total{${atPod},container="istio-proxy"} ${reads * 10}`,
        `container_cpu_cfs_throttled_periods_total{${atPod},container="istio-proxy"} ${reads}`,
      ];
    }),
    sent('ledger-service', 'ledger', 'ledger-service.ledger.svc.cluster.local', 10),
    sent('api.cards.example.com', 'egress', 'api.cards.example.com', 1),
    sent('PassthroughCluster', 'unknown', 'unknown', 1),
    rootExpiry(),
    'citadel_server_cert_chain_expiry_seconds 5000',
    `citadel_server_csr_count ${reads}`,
    ...pushes(),
  ];
}

/** A quarter of the pushes takes more than 30 s, and a proxy refused one with each read. */
function pushes(): string[] {
  const counts = { '0.1': 5, '1': 7, '30': 9, '+Inf': 12 };
  const buckets = Object.entries(counts).map(
    ([le, count]) => `pilot_proxy_convergence_time_bucket{le="${le}"} ${reads * count}`,
  );
  return [
    `pilot_xds_pushes{type="cds"} ${reads * 10}`,
    `pilot_total_xds_rejects{type="cds"} ${reads}`,
    ...buckets,
  ];
}

/** The root's expiry since thirteen minutes before the last look, a minute with each read; it changed two minutes before. */
function rootExpiry(): string {
  const at = lastLook - 780 + 60 * reads;
  const expiry = at < lastLook - 120 ? inTenYears - 86_400 : inTenYears;
  return `citadel_server_root_cert_expiry_timestamp ${expiry}${at * 1000 < Date.now() ? ` ${at * 1000}` : ''}`;
}

const service =
  'destination_service="payments.bank.svc.cluster.local",destination_service_name="payments",destination_service_namespace="bank",destination_workload_namespace="bank"';

type Received = { version: string; pod: string; code: string };

function received({ version, pod, code }: Received, each: number): string {
  const from = 'order-service';
  const source = `source_workload="${from}",source_workload_namespace="order",source_principal="spiffe://cluster.local/ns/order/sa/${from}",connection_security_policy="mutual_tls"`;
  return `istio_requests_total{reporter="destination",${service},destination_workload="payments-${version}",destination_version="${version}",${source},response_code="${code}",pod="${pod}"} ${reads * each}`;
}

function sent(name: string, namespace: string, host: string, each: number): string {
  return `istio_requests_total{reporter="source",source_workload="payments-v1",source_workload_namespace="bank",destination_service="${host}",destination_service_name="${name}",destination_service_namespace="${namespace}",response_code="200"} ${reads * each}`;
}

const errorBudgets = [
  { series: 'slo:budget_left:ratio', labels: { service: 'payments' }, min: 0.1 },
  { series: 'slo:budget_left:ratio', labels: { service: 'a"} or vector(1) #\\' }, min: 0.2 },
  { series: 'slo:budgets_left:ratio', labels: {}, min: 0.3 },
];

function factsOf(target: Target): Promise<MetricsFacts> {
  const metrics = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 0.2 });
  return metrics.facts({ target, now: Date.now(), errorBudgets, wanted: new Set(metricsFacts) }, noSignal);
}

function byRule(rule: string) {
  return { rule, minRequests: 100 };
}

function seenIn<Value>(fact: Fact<Value>): Value {
  if (fact.kind === 'read') return fact.value;
  throw new Error(fact.why);
}

describe('what a real Prometheus tells of a target', () => {
  it('is all that readiness asks of it', async () => {
    await eventually(async () => {
      const facts = await factsOf(targetOf('payments'));
      const pods = [
        { pod: 'payments-v1-5d8c7-abcde', arm: 'stable' },
        { pod: 'payments-v2-5d8c7-abcde', arm: 'canary' },
      ];
      expect(facts).toMatchObject({
        metricLabels: {
          kind: 'read',
          value: expect.arrayContaining(['destination_version', 'le', 'reporter']),
        },
        scrape: { kind: 'read', value: 0.2 },
        requestSeries: { kind: 'read', value: { duplicates: [], reporters: ['destination'] } },
        callers: {
          kind: 'read',
          value: [{ workload: 'order-service', namespace: 'order', plaintextPerSecond: 0 }],
        },
        forbidden: { kind: 'read', value: { stable: { forbidden: 0 }, window: 300 } },
        proxyCertificates: { kind: 'read', value: { pods } },
        meshCertificates: {
          kind: 'read',
          value: { rootNotAfter: inTenYears * 1000, rootChangedAt: lastLook * 1000, signingErrors: 0 },
        },
        throttling: { kind: 'read', value: pods },
        silences: { kind: 'unread' },
      });
      expect(facts).not.toHaveProperty('proxyCertificates.gaps');
      const { provider, callees, forbidden, throttling, meshCertificates } = facts;
      expect(provider.kind === 'read' && Math.abs(provider.value.clockOffset)).toBeLessThan(1);
      expect(callees.kind === 'read' && callees.value.map(({ host }) => host).toSorted()).toEqual([
        'PassthroughCluster',
        'api.cards.example.com',
        'ledger-service.ledger.svc.cluster.local',
      ]);
      expect(forbidden.kind === 'read' && forbidden.value.canary.forbidden).toBeGreaterThan(0);
      expect(throttling.kind === 'read' && throttling.value[0]?.ratio).toBeCloseTo(0.1);
      const chain = meshCertificates.kind === 'read' ? meshCertificates.value.chainNotAfter : null;
      expect(Math.abs((chain ?? 0) - Date.now() - 5_000_000)).toBeLessThan(5000);
    });
  });

  it('is how istiod pushes, with the refusals of proxies', async () => {
    await eventually(async () => {
      const { proxySync } = await factsOf(targetOf('payments'));
      expect(proxySync).toMatchObject({ kind: 'read', value: { window: 300 } });
      const { rejected, lateRatio } = seenIn(proxySync);
      expect(rejected).toBeGreaterThan(0);
      expect(lateRatio).toBeCloseTo(0.25);
    });
  });

  it('is the error budgets that a plan names, one series each, whatever their labels hold', async () => {
    const [one, none] = errorBudgets.map((budget) => budgetQuery(budget));
    await eventually(async () => {
      const { errorBudgets: budgets } = await factsOf(targetOf('payments'));
      expect(budgets).toEqual({
        kind: 'read',
        value: [
          { query: one, left: 0.75, min: 0.1 },
          { query: none, left: null, min: 0.2 },
        ],
        gaps: [expect.stringMatching(/^slo:budgets_left:ratio has 2 series, which differ by a: choose one/)],
      });
    });
  });

  it('is its alert rules as limits of a plan, with what each says of how long', async () => {
    const { alertRules } = prometheusMetrics({ url: prometheus.url, scrapeSeconds: 0.2 });
    await eventually(async () => {
      const checks = { errors: byRule('bank/ServiceErrors'), p99: byRule('bank/ServiceSlow') };
      const answer = withRules({ checks, interval: 10 }, await alertRules(noSignal));
      const alike = { window: 60, failures: 30, severity: 'critical', for: 300 };
      expect(answer).toMatchObject({
        kind: 'taken',
        checks: {
          errors: { metric: 'errorRate', max: 0.01, ...alike },
          p99: { metric: 'p99LatencyMs', max: 2000, ...alike },
        },
      });
    });
  });

  it('is its alert rules, with what is wrong with one, and the alert that fires, with its labels', async () => {
    await eventually(async () => {
      const { alertRules, alerts } = await factsOf(targetOf('payments'));
      const rulesByName = Object.fromEntries(seenIn(alertRules).map((rule) => [rule.name, rule]));
      const well = { health: 'ok', lastError: null, lastEvaluation: expect.any(Number), interval: 0.2 };
      expect(rulesByName).toMatchObject({
        ServiceErrors: { ...well, group: 'bank', labels: { severity: 'critical' } },
        ServiceSlow: { ...well, group: 'bank' },
        Always: { ...well, group: 'odd', query: 'vector(1) > 0' },
        Broken: { health: 'err', lastError: expect.stringContaining('duplicate series'), group: 'odd' },
      });
      expect(seenIn(alertRules)).toHaveLength(4);
      const age = Date.now() - (rulesByName['Always']?.lastEvaluation ?? 0);
      expect(Math.abs(age)).toBeLessThan(5000);
      const labels = { alertname: 'Always', ...paging };
      expect(seenIn(alerts)).toEqual([
        { name: 'Always', labels, state: 'firing', since: expect.any(Number) },
      ]);
    });
  });

  it.each([
    ['a service that it never saw', targetOf('unheard-of')],
    ['services that split by host', hostTarget()],
    ['hosts outside the mesh', entryTarget()],
  ])('is unknown and not zero for %s, and no question is refused', async (_name, target) => {
    const { callers, metricLabels, requestSeries, forbidden, ...others } = await factsOf(target);
    const why = expect.stringMatching(
      /^no series of istio_requests_total for .*: nobody called, or its proxies/,
    );
    for (const fact of [callers, metricLabels, requestSeries, forbidden]) {
      expect(fact).toMatchObject({ kind: 'unread', why });
    }
    expect(JSON.stringify(others)).not.toContain('refused');
  });
});
