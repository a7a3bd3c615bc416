import type { z } from 'zod';
import type { Check } from '../../src/readiness/check.ts';
import * as objects from '../../src/readiness/objects.ts';
import type { Fact, Snapshot, Subject } from '../../src/readiness/snapshot.ts';
import { isMovedObject } from '../../src/readiness/virtual-service/claims.ts';
import * as bank from './bank-objects.ts';

/** A Monday at noon. */
export const noon = Date.UTC(2026, 10, 23, 12);
export const day = 86_400_000;

export function read<Value>(value: Value, gaps?: string[]): Fact<Value> {
  return { kind: 'read', value, ...(gaps === undefined ? {} : { gaps }) };
}

export function unread(why: string): { kind: 'unread'; why: string; mend: string } {
  return { kind: 'unread', why, mend: 'let canaryd read it' };
}

/** The objects as the adapter would read them: a fixture of another form than the API server's is no fixture. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  values: readonly unknown[],
): z.infer<Schema>[] {
  return structuredClone(values).map((value) => schema.parse(value));
}

const service = { name: 'payment-service', namespace: 'payment-prod' };
const host = 'payment-service.payment-prod.svc.cluster.local';

export function subjectWith(changes: Partial<Subject> = {}): Subject {
  const arm = (version: string) => ({
    host,
    subset: version,
    service,
    version,
    podLabels: { app: 'payment-service', version },
  });
  return {
    cluster: 'default',
    virtualServices: [
      { namespace: 'payment-prod', name: 'payment-service', routes: [{ kind: 'http', name: 'primary' }] },
    ],
    stable: arm('v1'),
    canary: arm('v2'),
    shares: [5, 20, 100],
    nextShare: 5,
    writtenShare: null,
    intendedShare: null,
    shortestBake: 300,
    deadline: 7200,
    checks: [
      { id: 'errorRate', metric: 'errorRate', max: 0.01, window: 60, minRequests: 100 },
      { id: 'p99', metric: 'p99LatencyMs', max: 1000, window: 60, minRequests: 100 },
    ],
    startedAt: null,
    stableReadyAtStart: null,
    requirements: {
      mutualTls: 'STRICT',
      insistsOnMutualTls: true,
      defaultDeny: true,
      egressHosts: [],
      imageDigests: true,
    },
    ...changes,
  };
}

const boundsMs = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

/** A target for which every check passes or does not apply, with the facts that a test changes. */
export function healthy(changes: Partial<Snapshot> = {}): Snapshot {
  const all = { at: noon, subject: subjectWith(), ...cluster(), ...guarded(), ...metrics(), ...changes };
  return { ...all, movedVirtualServices: movedAmong(all), ...changes };
}

/** A test that changes VirtualServices changes those that are moved. */
function movedAmong({ subject, virtualServices }: Pick<Snapshot, 'subject' | 'virtualServices'>) {
  if (virtualServices.kind !== 'read') return virtualServices;
  const value = virtualServices.value.filter((object) => isMovedObject(object, subject));
  return { ...virtualServices, value };
}

function cluster() {
  return {
    split: read({ kind: 'ready' as const }),
    meshConfig: read({
      rootNamespace: 'istio-system',
      istiodNamespace: 'istio-system',
      outboundTrafficPolicyMode: 'REGISTRY_ONLY',
      trustDomain: 'cluster.local',
      trustDomainAliases: [],
      enableAutoMtls: true,
      injectsByDefault: false,
      clusterDomain: 'cluster.local',
    }),
    proxyVersions: read({ istiod: '1.26.1' }),
    namespaces: read(parsed(objects.Namespace, bank.namespaces)),
    virtualServices: read(parsed(objects.VirtualService, bank.virtualServices)),
    destinationRules: read(parsed(objects.DestinationRule, bank.destinationRules)),
    gateways: read(parsed(objects.Gateway, bank.gateways)),
    serviceEntries: read(parsed(objects.ServiceEntry, bank.serviceEntries)),
    services: read(parsed(objects.Service, bank.services)),
    endpoints: read(parsed(objects.EndpointSlice, bank.endpoints)),
    pods: read(parsed(objects.Pod, bank.pods)),
    deployments: read(parsed(objects.Deployment, bank.deployments)),
    autoscalers: read(parsed(objects.Autoscaler, bank.autoscalers)),
    serviceAccounts: read(bank.serviceAccounts),
    httpRoutes: read([]),
    kubernetesGateways: read([]),
    holds: read([]),
    proxySync: read({ rejected: 0, lateRatio: 0, window: 300 }),
    errorBudgets: read([]),
  };
}

function guarded() {
  const right = (verb: string, resource: string, group: string, name = '') => ({
    verb,
    group,
    resource,
    namespace: 'payment-prod',
    name,
    allowed: true,
  });
  return {
    sidecars: read(parsed(objects.Sidecar, bank.sidecars)),
    authorizationPolicies: read(parsed(objects.AuthorizationPolicy, bank.authorizationPolicies)),
    peerAuthentications: read(parsed(objects.PeerAuthentication, bank.peerAuthentications)),
    selectors: read<objects.Selecting[]>([]),
    networkPolicies: read(parsed(objects.NetworkPolicy, bank.networkPolicies)),
    gitOpsApplications: read<objects.GitOpsApplication[]>([]),
    otherCanaries: read<objects.OtherCanary[]>([]),
    rights: read([
      right('get', 'virtualservices', 'networking.istio.io', 'payment-service'),
      right('patch', 'virtualservices', 'networking.istio.io', 'payment-service'),
      right('list', 'destinationrules', 'networking.istio.io'),
      right('list', 'pods', ''),
    ]),
    servedVersions: read(['v1', 'v1beta1', 'v1alpha3']),
    locks: read([]),
    rootCertificates: read([{ subject: 'CN=Bank Mesh Root CA', notAfter: noon + 3000 * day }]),
    gatewayCertificates: read([
      { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client', notAfter: noon + 200 * day },
    ]),
  };
}

function metrics() {
  const pods = (['stable', 'canary'] as const).flatMap((arm) =>
    bank.podNames(arm === 'stable' ? 'v1' : 'v2').map((pod) => ({ pod, arm })),
  );
  return {
    provider: read({ clockOffset: 0.4, seconds: 0.02 }),
    survey: read({
      requestsPerSecond: 600,
      checks: [
        {
          id: 'errorRate',
          query: 'sum by (destination_version) (increase(istio_requests_total[60s]))',
          unread: null,
          requests: 36_000,
          value: 0.0004,
          boundsMs: null,
        },
        {
          id: 'p99',
          query:
            'histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket[60s])))',
          unread: null,
          requests: 36_000,
          value: 240,
          boundsMs,
        },
      ],
    }),
    metricLabels: read([
      'destination_service_name',
      'destination_service_namespace',
      'destination_version',
      'destination_workload',
      'reporter',
      'response_code',
      'source_workload',
      'connection_security_policy',
      'le',
    ]),
    scrape: read(15),
    requestSeries: read({ duplicates: [], reporters: ['destination', 'source'] }),
    callers: read([
      {
        workload: 'order-service',
        namespace: 'order-prod',
        principal: 'spiffe://cluster.local/ns/order-prod/sa/order-service',
        requestsPerSecond: 600,
        plaintextPerSecond: 0,
      },
    ]),
    callees: read([
      {
        host: 'ledger-service.ledger-prod.svc.cluster.local',
        service: { name: 'ledger-service', namespace: 'ledger-prod' },
        requestsPerSecond: 580,
      },
      { host: 'api.cards.example.com', service: null, requestsPerSecond: 40 },
    ]),
    forbidden: read({
      stable: { requests: 180_000, forbidden: 90 },
      canary: { requests: 9000, forbidden: 4 },
      window: 300,
    }),
    proxyCertificates: read({ ttl: 86_400, pods: pods.map((one) => ({ ...one, secondsLeft: 60_000 })) }),
    meshCertificates: read({
      rootNotAfter: noon + 3000 * day,
      chainNotAfter: noon + 700 * day,
      rootChangedAt: null,
      signingErrors: 0,
    }),
    throttling: read(pods.map((one) => ({ ...one, ratio: 0.001 }))),
    alertRules: read(
      ['PaymentServiceErrors', 'PaymentServiceSlow'].map((name) => ({
        group: 'payment-service',
        name,
        query:
          'sum(rate(istio_requests_total{destination_service_name="payment-service",response_code=~"5.."}[5m])) / sum(rate(istio_requests_total{destination_service_name="payment-service"}[5m])) > 0.01',
        labels: { severity: 'critical', service: 'payment-service' },
        health: 'ok',
        lastError: null,
        lastEvaluation: noon - 10_000,
        interval: 30,
      })),
    ),
    alerts: read([
      { name: 'Watchdog', labels: { severity: 'none' }, state: 'firing' as const, since: noon - 30 * day },
    ]),
    silences: read([]),
  };
}

/** What a check says, without what it always says of itself. */
export function judged(check: Check, snapshot: Snapshot): { result: string; [key: string]: unknown }[] {
  return check
    .run(snapshot)
    .map(({ id: _id, title: _title, family: _family, codes: _codes, ...rest }) => rest);
}
