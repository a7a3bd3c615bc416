import { describe, expect, it } from 'vitest';
import { portIsHttp } from '../../src/readiness/injection/port-protocol.ts';
import { sidecarsShowHosts } from '../../src/readiness/injection/visibility.ts';
import * as objects from '../../src/readiness/objects.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, parsed, read, subjectWith, unread } from './healthy.ts';

describe('what Sidecars show (PF-SC-05)', () => {
  type Change = { hosts?: string[]; labels?: Record<string, string> };
  const sidecar = (namespace: string, name: string, { hosts, labels }: Change) =>
    objects.Sidecar.parse({
      ...bank.sidecars[0],
      metadata: { ...bank.sidecars[0]?.metadata, namespace, name },
      spec: {
        ...(labels === undefined ? {} : { workloadSelector: { labels } }),
        ...(hosts === undefined ? {} : { egress: [{ hosts }] }),
      },
    });
  const all = parsed(objects.Sidecar, bank.sidecars);
  const [ours, theirs] = [all.slice(0, 1), all.slice(1)];
  const judge = (...sidecars: objects.Sidecar[]) =>
    judged(sidecarsShowHosts, healthy({ sidecars: read(sidecars) }));

  it('says who sees what', () => {
    expect(judge(...all)).toMatchObject([
      {
        result: 'pass',
        read: '1 callers see payment-service.payment-prod.svc.cluster.local, and v2 sees the 2 hosts that stable calls',
      },
    ]);
  });

  it('warns of a caller whose Sidecar hides the service and its routes', () => {
    const findings = judge(...ours, sidecar('order-prod', 'default', { hosts: ['./*', 'istio-system/*'] }));
    expect(findings).toHaveLength(2);
    expect(findings[0]).toMatchObject({
      severity: 'warn',
      read: 'Sidecar order-prod/default, which holds for caller order-prod/order-service, hides Service payment-prod/payment-service',
      means:
        "its proxy does not know Service payment-prod/payment-service: its requests would not follow the canary's share, and would go on to the canary after it was taken back",
      mend: 'add "payment-prod/payment-service.payment-prod.svc.cluster.local" to its egress hosts: kubectl -n order-prod edit sidecar default',
      object: { kind: 'Sidecar', namespace: 'order-prod', name: 'default' },
      path: 'spec.egress',
    });
    expect(findings[1]?.['read']).toContain('hides VirtualService payment-prod/payment-service');
  });

  it('warns of a caller that sees the service and not the VirtualService that moves it', () => {
    const subject = subjectWith({
      virtualServices: [{ namespace: 'routes-prod', name: 'payment-service', routes: [] }],
    });
    const [finding, ...others] = judged(sidecarsShowHosts, healthy({ subject }));
    expect(others).toHaveLength(0);
    expect(finding?.['read']).toContain('hides VirtualService routes-prod/payment-service');
  });

  it('warns of a canary that does not see what stable calls', () => {
    const findings = judge(
      ...theirs,
      sidecar('payment-prod', 'default', { hosts: ['./*', 'egress-prod/*'] }),
    );
    expect(findings).toMatchObject([{ severity: 'warn' }]);
    expect(findings[0]?.['read']).toBe(
      'Sidecar payment-prod/default, which holds for v2, hides Service ledger-prod/ledger-service',
    );
  });

  it('looks for a host outside the mesh where its ServiceEntry is', () => {
    const findings = judge(...theirs, sidecar('payment-prod', 'default', { hosts: ['ledger-prod/*'] }));
    expect(findings).toMatchObject([{ severity: 'warn' }]);
    expect(findings[0]?.['read']).toContain('hides ServiceEntry host api.cards.example.com');
  });

  it('prefers the Sidecar that selects the canary, then its namespace, then the root namespace', () => {
    const blind = sidecar('payment-prod', 'canary', { hosts: ['~/*'], labels: { version: 'v2' } });
    expect(judge(...all, blind)).toHaveLength(2);
    const other = sidecar('payment-prod', 'batch', { hosts: ['~/*'], labels: { app: 'batch' } });
    expect(judge(...all, other)).toMatchObject([{ result: 'pass' }]);
    const root = sidecar('istio-system', 'default', { hosts: ['~/*'] });
    expect(judge(...all, root)).toMatchObject([{ result: 'pass' }]);
    expect(judge(...theirs, root)).toHaveLength(2);
  });

  it.each([
    ['everything', ['*/*']],
    ['one namespace by wildcard', ['*/*.payment-prod.svc.cluster.local']],
    ['the host itself', ['payment-prod/payment-service.payment-prod.svc.cluster.local']],
  ])('reads hosts as Istio does: %s', (_what, hosts) => {
    expect(judge(...ours, sidecar('order-prod', 'default', { hosts }))).toMatchObject([{ result: 'pass' }]);
  });

  it('takes a Sidecar without egress for one that shows all', () => {
    expect(judge(sidecar('order-prod', 'default', {}), ...ours)).toMatchObject([{ result: 'pass' }]);
  });

  it('does not know whom a selecting Sidecar of another namespace selects, unless it shows the service', () => {
    const labels = { app: 'order-service' };
    const hides = sidecar('order-prod', 'orders', { hosts: ['./*'], labels });
    expect(judge(...all, hides)).toMatchObject([{ result: 'unknown' }]);
    const seeing = sidecar('order-prod', 'orders', { hosts: ['payment-prod/*'], labels });
    expect(judge(...all, seeing)).toMatchObject([{ result: 'pass' }]);
  });

  it('does not apply Sidecars to gateways', () => {
    const gateways = read(parsed(objects.Gateway, bank.gateways));
    const callers = read([
      {
        workload: 'istio-egressgateway',
        namespace: 'istio-system',
        principal: null,
        requestsPerSecond: 4,
        plaintextPerSecond: 0,
      },
    ]);
    const root = sidecar('istio-system', 'default', { hosts: ['./*'] });
    const findings = judged(
      sidecarsShowHosts,
      healthy({ gateways, callers, sidecars: read([...ours, root]) }),
    );
    expect(findings).toMatchObject([{ result: 'pass' }]);
  });

  it('has nothing to say without Sidecars, and knows nothing when they may not be read', () => {
    expect(judge()).toMatchObject([{ result: 'skip' }]);
    expect(judged(sidecarsShowHosts, healthy({ sidecars: unread('403') }))).toMatchObject([
      { result: 'unknown' },
    ]);
    expect(judged(sidecarsShowHosts, healthy({ callers: unread('no metrics') }))).toMatchObject([
      { result: 'unknown' },
    ]);
  });
});

describe('a port that Istio takes for HTTP (PF-SC-07)', () => {
  type Port = { name?: string; port?: number; protocol?: string; appProtocol?: string };
  const services = (...ports: Port[]) =>
    read(
      parsed(objects.Service, bank.services).map((one) => ({
        ...one,
        spec: { ...one.spec, ports: ports.map((port) => ({ port: 8080, targetPort: 8080, ...port })) },
      })),
    );
  const virtualServices = (change: Partial<objects.VirtualService['spec']>) =>
    read(
      parsed(objects.VirtualService, bank.virtualServices).map((one) => ({
        ...one,
        spec: { ...one.spec, ...change },
      })),
    );
  const judge = (...ports: Port[]) => judged(portIsHttp, healthy({ services: services(...ports) }));

  it('says what Istio takes the port for', () => {
    expect(judged(portIsHttp, healthy())).toMatchObject([
      {
        result: 'pass',
        read: 'Service payment-prod/payment-service: port 8080 (named http, appProtocol http) (HTTP)',
      },
    ]);
  });

  it('refuses a port that Istio takes for TCP', () => {
    expect(judge({ name: 'tcp-api' })).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'Service payment-prod/payment-service: Istio takes port 8080 (named tcp-api) for something else than HTTP',
        means:
          'the http route does not hold for this port: users would be spread over the pods of both versions whatever the share, and no HTTP metrics would judge them',
        mend: `if it speaks HTTP, say so (grpc for gRPC): kubectl -n payment-prod patch service payment-service --type=json -p '[{"op":"add","path":"/spec/ports/0/appProtocol","value":"http"}]'`,
        object: { kind: 'Service', namespace: 'payment-prod', name: 'payment-service' },
        path: 'spec.ports[0].appProtocol',
      },
    ]);
  });

  it.each<[string, Port]>([
    ['TLS', { name: 'https-api' }],
    ['a database', { name: 'redis' }],
    ['UDP', { name: 'http', protocol: 'UDP' }],
    ['a protocol in which the server speaks first', { name: 'db', port: 3306 }],
    ['what appProtocol says before the name', { name: 'http', appProtocol: 'tcp' }],
    ['a WebSocket over TLS', { appProtocol: 'kubernetes.io/wss' }],
  ])('refuses %s', (_what, port) => expect(judge(port)).toMatchObject([{ severity: 'error' }]));

  it.each<[string, Port]>([
    ['a prefix', { name: 'http-api' }],
    ['any case', { name: 'HTTP2' }],
    ['gRPC', { name: 'grpc-api' }],
    ['gRPC-Web', { name: 'grpc-web-api' }],
    ['HTTP/2 without TLS', { name: 'api', appProtocol: 'kubernetes.io/h2c' }],
  ])('knows HTTP by %s', (_what, port) => expect(judge(port)).toMatchObject([{ result: 'pass' }]));

  it('leaves a port that says nothing to detection in the mesh, and tells of gateways', () => {
    expect(judge({ name: 'api' })).toMatchObject([
      {
        result: 'pass',
        read: 'Service payment-prod/payment-service: port 8080 (named api) (detected at each connection)',
      },
    ]);
    const gateways = ['mesh', 'istio-ingress/public'];
    const findings = judged(
      portIsHttp,
      healthy({ services: services({ name: 'api' }), virtualServices: virtualServices({ gateways }) }),
    );
    expect(findings).toMatchObject([{ severity: 'info' }]);
  });

  it('looks only at the port that the route names', () => {
    const ports = [
      { name: 'http', port: 8080 },
      { name: 'tcp-peers', port: 7600 },
    ];
    expect(judge(...ports)).toMatchObject([{ result: 'pass' }]);
    const to = (number: number) =>
      virtualServices({
        http: [
          {
            name: 'primary',
            route: [{ destination: { host: 'payment-service', subset: 'v1', port: { number } } }],
          },
        ],
      });
    const at = (number: number) =>
      judged(portIsHttp, healthy({ services: services(...ports), virtualServices: to(number) }));
    expect(at(8080)).toMatchObject([{ result: 'pass' }]);
    expect(at(7600)).toMatchObject([{ severity: 'error' }]);
    expect(at(1)).toMatchObject([{ result: 'unknown' }]);
  });

  it('asks nothing of TCP routes and of hosts outside the cluster', () => {
    const tcp = subjectWith({
      virtualServices: [
        { namespace: 'payment-prod', name: 'payment-service', routes: [{ kind: 'tcp', port: 9000 }] },
      ],
    });
    expect(judged(portIsHttp, healthy({ subject: tcp }))).toMatchObject([{ result: 'skip' }]);
    const { stable, canary } = subjectWith();
    const outside = subjectWith({
      stable: { ...stable, podLabels: null },
      canary: { ...canary, podLabels: null },
    });
    expect(judged(portIsHttp, healthy({ subject: outside }))).toMatchObject([{ result: 'skip' }]);
  });

  it('knows nothing of a Service that is not there or may not be read', () => {
    expect(judged(portIsHttp, healthy({ services: read([]) }))).toMatchObject([{ result: 'unknown' }]);
    expect(judged(portIsHttp, healthy({ services: unread('403') }))).toMatchObject([{ result: 'unknown' }]);
  });
});
