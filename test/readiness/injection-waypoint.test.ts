import { describe, expect, it } from 'vitest';
import { proxiesSynced } from '../../src/readiness/injection/proxies-synced.ts';
import { waypointServes } from '../../src/readiness/injection/waypoint.ts';
import * as objects from '../../src/readiness/objects.ts';
import type { ProxySync, Snapshot } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { labelled, namespaceLabelled, podsWith, withoutProxy } from './changed-objects.ts';
import { healthy, judged, parsed, read, unread } from './healthy.ts';

describe('proxies in sync with istiod (PF-SC-06)', () => {
  const pushed = (changes: Partial<ProxySync>) =>
    judged(
      proxiesSynced,
      healthy({ proxySync: read({ rejected: 0, lateRatio: 0.005, window: 300, ...changes }) }),
    );

  it('take what they are sent within seconds, and are asked for again at each raise', () => {
    expect(pushed({})).toEqual([
      {
        priority: 'P1',
        severity: 'warn',
        again: true,
        result: 'pass',
        read: 'in 300 s no proxy refused its configuration, and 0.5 % of changes took more than 30 s',
      },
    ]);
  });

  it('that refuse their configuration are a warning', () => {
    expect(pushed({ rejected: 2.14 })).toEqual([
      {
        priority: 'P1',
        again: true,
        result: 'fail',
        severity: 'warn',
        read: 'proxies refused 3 configurations in 300 s; 0 is the limit',
        means:
          'a proxy that refuses what it is sent keeps what it had: new weights may not hold for all callers, on the way to the canary and on the way back',
        mend: 'find the proxies (istioctl proxy-status: those that are not SYNCED) and why they refuse: kubectl -n istio-system logs -l app=istiod --tail=-1 --since=10m | grep -i "ACK ERROR"',
      },
    ]);
  });

  it.each([
    [0.01, 'pass'],
    [0.0101, 'fail'],
    [1, 'fail'],
  ])('may be slow in a large mesh, for up to 1 %% of the changes: %s: %s', (lateRatio, result) => {
    expect(pushed({ lateRatio })).toMatchObject([{ result }]);
  });

  it('are looked into where istiod runs, as far as that is known', () => {
    const refusing = { proxySync: read({ rejected: 2, lateRatio: 0.2, window: 300 }) };
    const { meshConfig } = healthy();
    if (meshConfig.kind === 'unread') throw new Error('it is read');
    const elsewhere = read({ ...meshConfig.value, istiodNamespace: 'mesh-control' });
    const mends = (changes: Partial<Snapshot>) =>
      judged(proxiesSynced, healthy({ ...refusing, ...changes })).map(({ mend }) => mend);
    expect(mends({ meshConfig: elsewhere })).toEqual([
      expect.stringContaining('kubectl -n mesh-control logs -l app=istiod'),
      expect.stringContaining('kubectl -n mesh-control top pod'),
    ]);
    expect(mends({ meshConfig: unread('forbidden') })).toEqual([
      expect.stringContaining('kubectl -n istio-system logs -l app=istiod'),
      expect.stringContaining('kubectl -n istio-system top pod'),
    ]);
  });

  it('are unknown where istiod tells neither, and judged by what it tells', () => {
    expect(pushed({ rejected: null, lateRatio: Number.NaN })).toMatchObject([
      { result: 'unknown', read: 'istiod tells of no push to proxies in 300 s' },
    ]);
    expect(pushed({ rejected: null })).toMatchObject([{ result: 'pass' }]);
    expect(pushed({ lateRatio: null })).toMatchObject([
      { result: 'pass', read: 'in 300 s no proxy refused its configuration, and nothing was pushed' },
    ]);
    expect(judged(proxiesSynced, healthy({ proxySync: unread('forbidden') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });
});

describe('a waypoint for the Service in ambient mode (PF-SC-08)', () => {
  const captured = labelled({}, { 'ambient.istio.io/redirection': 'enabled' });
  const pods = podsWith('both', (pod) => captured(withoutProxy(pod)));
  const gateway = (changes: { metadata?: object; spec?: object; programmed?: string } = {}) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'waypoint', namespace: 'payment-prod', generation: 1, ...changes.metadata },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
      ...changes.spec,
    },
    status: {
      addresses: [{ type: 'IPAddress', value: '10.0.3.4' }],
      conditions: [
        { type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 1 },
        {
          type: 'Programmed',
          status: changes.programmed ?? 'True',
          reason: changes.programmed === undefined ? 'Programmed' : 'AddressNotAssigned',
          observedGeneration: 1,
        },
      ],
    },
  });
  const gateways = (...all: object[]) => read(parsed(objects.KubernetesGateway, all));
  const services = (labels: Record<string, string>) =>
    read(
      parsed(objects.Service, bank.services).map((one) => ({
        ...one,
        metadata: { ...one.metadata, labels: { ...one.metadata.labels, ...labels } },
      })),
    );
  const enrolled = services({ 'istio.io/use-waypoint': 'waypoint' });
  const caller = (namespace: string, plaintextPerSecond = 0, workload = 'branch-service') => ({
    workload,
    namespace,
    principal: null,
    requestsPerSecond: 30,
    plaintextPerSecond,
  });
  const ambientCaller = read([caller('branch-prod')]);
  /** The bank's namespaces, and those of callers with these labels. */
  const withNamespaces = (others: Record<string, Record<string, string>>) =>
    read(
      parsed(objects.Namespace, [
        ...bank.namespaces,
        ...Object.entries(others).map(([name, labels]) => ({ metadata: { name, labels } })),
      ]),
    );
  const ambient = { 'istio.io/dataplane-mode': 'ambient' };
  const injected = { 'istio-injection': 'enabled' };
  const asked = (changes: Partial<Snapshot> = {}) =>
    judged(
      waypointServes,
      healthy({
        pods,
        callers: ambientCaller,
        namespaces: withNamespaces({ 'branch-prod': ambient }),
        services: enrolled,
        kubernetesGateways: gateways(gateway()),
        ...changes,
      }),
    );

  it('does not matter where no pod is in ambient mode', () => {
    expect(judged(waypointServes, healthy())).toMatchObject([
      { result: 'skip', read: 'no pod of either version is in ambient mode' },
    ]);
  });

  it('serves it by the label of the Service or of its namespace', () => {
    const passes = [
      {
        result: 'pass',
        read: 'the waypoint payment-prod/waypoint serves Service payment-prod/payment-service of v2',
      },
    ];
    expect(asked()).toMatchObject(passes);
    const namespaces = namespaceLabelled({ 'istio.io/use-waypoint': 'waypoint' });
    expect(asked({ services: services({}), namespaces })).toMatchObject(passes);
  });

  it('that is missing keeps the rollout from starting', () => {
    expect(asked({ services: services({}) })).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: 'Service payment-prod/payment-service is in ambient mode, and neither it nor its namespace has the label istio.io/use-waypoint; branch-prod/branch-service calls it without a proxy that follows weights',
        means:
          'ztunnel knows no weights: callers are spread over the pods of both versions whatever the share, and going back would not take them off the canary',
        mend: 'make a waypoint (istioctl waypoint apply -n payment-prod), then: kubectl -n payment-prod label service payment-service istio.io/use-waypoint=NAME --overwrite',
        object: { kind: 'Service', namespace: 'payment-prod', name: 'payment-service' },
        path: 'metadata.labels["istio.io/use-waypoint"]',
      },
    ]);
  });

  it.each([
    [
      'takes itself out',
      { services: services({ 'istio.io/use-waypoint': 'none' }) },
      /=none takes it from any/,
    ],
    [
      'names none that is there',
      { kubernetesGateways: gateways() },
      /there is no Gateway payment-prod\/waypoint/,
    ],
    [
      'names one that is not ready',
      { kubernetesGateways: gateways(gateway({ programmed: 'False' })) },
      /is not Programmed \(AddressNotAssigned\)/,
    ],
    [
      'names one of another class',
      { kubernetesGateways: gateways(gateway({ spec: { gatewayClassName: 'istio' } })) },
      /has the class istio, not istio-waypoint/,
    ],
    [
      'names one for workloads alone',
      {
        kubernetesGateways: gateways(
          gateway({ metadata: { labels: { 'istio.io/waypoint-for': 'workload' } } }),
        ),
      },
      /serves workload, not Services/,
    ],
  ])('is missed where the Service %s', (_what, changes, words) => {
    expect(asked(changes)).toMatchObject([{ severity: 'error', read: expect.stringMatching(words) }]);
  });

  it('of another namespace must take Services of this one', () => {
    const labels = { 'istio.io/use-waypoint': 'waypoint', 'istio.io/use-waypoint-namespace': 'mesh-prod' };
    const elsewhere = (allowedRoutes: object | undefined) => ({
      services: services(labels),
      kubernetesGateways: gateways(
        gateway({
          metadata: { namespace: 'mesh-prod' },
          spec: { listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE', allowedRoutes }] },
        }),
      ),
    });
    const selector = (name: string) => ({
      namespaces: { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': name } } },
    });
    expect(asked(elsewhere({ namespaces: { from: 'All' } }))).toMatchObject([{ result: 'pass' }]);
    expect(asked(elsewhere(selector('payment-prod')))).toMatchObject([{ result: 'pass' }]);
    expect(asked(elsewhere(selector('order-prod')))).toMatchObject([{ severity: 'error' }]);
    expect(asked(elsewhere(undefined))).toMatchObject([
      { severity: 'error', read: expect.stringContaining('takes no Services of namespace payment-prod') },
    ]);
  });

  it('is a warning where all callers have sidecars, which read the VirtualService themselves', () => {
    const callers = read([caller('branch-prod'), caller('atm-prod')]);
    const namespaces = withNamespaces({ 'branch-prod': injected, 'atm-prod': { 'istio.io/rev': '1-26' } });
    expect(asked({ services: services({}), callers, namespaces })).toMatchObject([
      {
        severity: 'warn',
        means:
          'the callers that are known have sidecars or are gateways, which follow the weights themselves; one in ambient mode would be spread over the pods of both versions',
      },
    ]);
  });

  it.each([
    ['in a namespace in ambient mode', { 'branch-prod': ambient }, caller('branch-prod')],
    ['outside the mesh', { 'branch-prod': {} }, caller('branch-prod', 30)],
    [
      'where injection is switched off',
      { 'branch-prod': { 'istio-injection': 'disabled', 'istio.io/rev': '1-26' } },
      caller('branch-prod', 30),
    ],
  ])('keeps the rollout from starting where one of several callers is %s', (_where, others, one) => {
    const callers = read([caller('atm-prod', 0, 'atm-service'), one]);
    const namespaces = withNamespaces({ 'atm-prod': injected, ...others });
    expect(asked({ services: services({}), callers, namespaces })).toMatchObject([
      {
        severity: 'error',
        read: expect.stringMatching(/; branch-prod\/branch-service calls it without a proxy that follows/),
        means: expect.stringContaining('callers without a sidecar are spread'),
      },
    ]);
  });

  it.each([
    ['whose namespace was not read', {}, caller('branch-prod')],
    ['whose namespace says nothing', { 'branch-prod': {} }, caller('branch-prod')],
    ['whose namespace says both', { 'branch-prod': { ...ambient, ...injected } }, caller('branch-prod')],
    ['that the metrics do not know', {}, caller('unknown', 30)],
  ])('is unknown where there is a caller %s', (_which, others, one) => {
    const callers = read([caller('atm-prod', 0, 'atm-service'), one]);
    const namespaces = withNamespaces({ 'atm-prod': injected, ...others });
    expect(asked({ services: services({}), callers, namespaces })).toMatchObject([
      {
        result: 'unknown',
        read: expect.stringContaining(`whether ${one.namespace}/branch-service has a sidecar is not known`),
      },
    ]);
  });

  it('is unknown where nobody is known to call', () => {
    expect(asked({ services: services({}), callers: read([]) })).toMatchObject([
      { result: 'unknown', read: expect.stringContaining('no caller of it is known') },
    ]);
    expect(asked({ services: services({}), callers: unread('no requests') })).toMatchObject([
      { result: 'unknown' },
    ]);
  });

  it('is a warning where gateways call, which divide by themselves, whatever their namespace says', () => {
    const callers = read([caller('istio-egress', 0, 'egress-gateway')]);
    expect(asked({ services: services({}), callers })).toMatchObject([{ severity: 'warn' }]);
  });

  it('that serves needs nobody to know who calls', () => {
    expect(asked({ callers: unread('forbidden'), gateways: unread('forbidden') })).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('is not needed by routes that hold at gateways alone', () => {
    const virtualServices = read(
      parsed(objects.VirtualService, bank.virtualServices).map((one) =>
        one.metadata.name === 'payment-service'
          ? { ...one, spec: { ...one.spec, gateways: ['istio-ingress/public'] } }
          : one,
      ),
    );
    expect(asked({ services: services({}), virtualServices })).toMatchObject([{ result: 'skip' }]);
  });

  it('is unknown where Gateways or the Service could not be read', () => {
    expect(asked({ kubernetesGateways: unread('forbidden') })).toMatchObject([{ result: 'unknown' }]);
    expect(asked({ kubernetesGateways: read([], ['namespace payment-prod: forbidden']) })).toMatchObject([
      { result: 'unknown', read: expect.stringContaining('there is no Gateway payment-prod/waypoint') },
    ]);
    expect(asked({ services: read([]) })).toMatchObject([{ result: 'unknown' }]);
  });
});
