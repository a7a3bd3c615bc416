import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as objects from '../../src/readiness/objects.ts';
import type { Snapshot, Split } from '../../src/readiness/snapshot.ts';
import { virtualServiceChecks } from '../../src/readiness/virtual-service.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, noon, parsed, read, subjectWith, unread } from './healthy.ts';

function findings(id: string, changes: Partial<Snapshot> = {}) {
  const check = virtualServiceChecks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`no check ${id}`);
  return judged(check, healthy(changes));
}

const results = (id: string, changes: Partial<Snapshot> = {}) =>
  findings(id, changes).map(({ result, severity }) => (result === 'fail' ? severity : result));

const [payment, cards] = parsed(objects.VirtualService, bank.virtualServices);
if (payment === undefined || cards === undefined) throw new Error('the bank has two VirtualServices');
const host = 'payment-service.payment-prod.svc.cluster.local';
type Made = objects.VirtualService;
type Route = NonNullable<Made['spec']['http']>[number];
const [primary] = payment.spec.http ?? [];
if (primary === undefined) throw new Error('the bank has a route');

const withSpec = (spec: Partial<Made['spec']>, object: Made = payment): Made => ({
  ...object,
  spec: { ...object.spec, ...spec },
});
const withRoute = (changes: Partial<Route>, before: Route[] = []): Made =>
  withSpec({ http: [...before, { ...primary, ...changes }] });
const called = (namespace: string, name: string, object: Made = payment): Made => ({
  ...object,
  metadata: { ...object.metadata, namespace, name },
});
const having = (...all: Made[]): Partial<Snapshot> => ({ virtualServices: read([...all, cards]) });
const weighing = (stable: number, canary: number) => [
  { destination: { host, subset: 'v1' }, weight: stable },
  { destination: { host, subset: 'v2' }, weight: canary },
];
const fault = (code: Extract<Split, { kind: 'fault' }>['code'], path: string, message: string) =>
  read<Split>({ kind: 'fault', code, path, message });
const written = (share: number) => ({ subject: subjectWith({ writtenShare: share }) });
const object = { kind: 'VirtualService', namespace: 'payment-prod', name: 'payment-service' };

describe('the checks of VirtualServices', () => {
  it('pass or do not apply on a healthy target', () => {
    expect(virtualServiceChecks.map(({ id }) => [id, results(id)[0]])).toEqual([
      ['PF-VS-01', 'pass'],
      ['PF-VS-02', 'pass'],
      ['PF-VS-03', 'pass'],
      ['PF-VS-04', 'pass'],
      ['PF-VS-05', 'pass'],
      ['PF-VS-06', 'pass'],
      ['PF-VS-07', 'pass'],
      ['PF-VS-08', 'pass'],
      ['PF-VS-09', 'pass'],
      ['PF-VS-10', 'skip'],
      ['PF-VS-11', 'pass'],
      ['PF-GW-01', 'skip'],
    ]);
  });

  it.each([
    ['PF-VS-01', { split: unread('forbidden') }],
    ['PF-VS-02', { movedVirtualServices: unread('forbidden') }],
    ['PF-VS-03', { services: unread('forbidden') }],
    ['PF-VS-04', { destinationRules: unread('forbidden') }],
    ['PF-VS-05', { virtualServices: unread('forbidden') }],
    ['PF-VS-06', { movedVirtualServices: unread('forbidden') }],
    ['PF-VS-07', { gateways: unread('forbidden') }],
    ['PF-VS-08', { movedVirtualServices: unread('forbidden') }],
    ['PF-VS-09', { movedVirtualServices: unread('forbidden') }],
    ['PF-VS-10', { ...written(5), movedVirtualServices: unread('forbidden') }],
    ['PF-VS-11', { destinationRules: unread('forbidden') }],
    ['PF-GW-01', { httpRoutes: unread('forbidden') }],
  ] satisfies [string, Partial<Snapshot>][])('%s is unknown when its facts are unread', (id, changes) => {
    expect(results(id, changes)).toEqual(['unknown']);
  });

  it('judge the routes that are moved by their objects alone, whatever may be read of others', () => {
    const { movedVirtualServices } = healthy();
    const gaps = ['VirtualService tools/broken: spec.http is not understood'];
    for (const virtualServices of [unread('forbidden'), read([], gaps)]) {
      const ids = ['PF-VS-02', 'PF-VS-04', 'PF-VS-06', 'PF-VS-08', 'PF-VS-09'];
      const changes = { virtualServices, movedVirtualServices };
      expect(ids.flatMap((id) => results(id, changes))).toEqual(ids.map(() => 'pass'));
      expect(results('PF-VS-10', { ...written(0), ...changes })).toEqual(['pass']);
      expect(results('PF-VS-10', { ...written(5), ...changes })).toEqual(['error']);
    }
  });

  it('call wrong what was seen to be wrong, and what may stand where nobody could look unknown', () => {
    const gaps = ['namespace tools: forbidden'];
    const services = { ...healthy().services, gaps };
    const at = (number: number) =>
      weighing(100, 0).map(({ destination, ...one }) => ({
        ...one,
        destination: { ...destination, port: { number } },
      }));
    const wrongPort = having(withRoute({ route: at(9999) }));
    expect(results('PF-VS-03', { ...wrongPort, services })).toEqual(['error', 'error', 'unknown']);
    expect(results('PF-VS-03', { services: read([], gaps) })).toEqual(['unknown']);
    const rules = read([], gaps);
    expect(results('PF-VS-04', { destinationRules: rules })).toEqual(['unknown']);
    const split = fault('subset-not-found', 'spec.http[0].route[1]', 'there is no subset v2');
    expect(results('PF-VS-04', { split, destinationRules: rules })).toEqual(['error', 'unknown']);
  });

  it('do not pass where the route that they judge is not there', () => {
    const gone = having(withRoute({ name: 'other' }));
    for (const id of ['PF-VS-02', 'PF-VS-03', 'PF-VS-06', 'PF-VS-08', 'PF-VS-09']) {
      expect([id, ...results(id, gone)]).toEqual([id, 'unknown']);
    }
  });
});

describe('the route (PF-VS-01)', () => {
  it('that is not found keeps the rollout from starting', () => {
    const split = fault('route-not-found', 'spec.http', 'no http route is named "primary"; there are: main');
    expect(findings('PF-VS-01', { split })).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: 'payment-prod/payment-service: no http route is named "primary"; there are: main',
        means:
          'canaryd does not know which weights bring v2 its share, so it would write none and the rollout cannot start',
        mend: 'change what this names, in Git where the object comes from there: kubectl -n payment-prod edit virtualservice payment-service',
        object,
        path: 'spec.http',
      },
    ]);
  });

  it('hides what cannot be told before it is found', () => {
    const split = fault('missing', '', 'there is no such VirtualService');
    expect(['PF-VS-01', 'PF-VS-02', 'PF-VS-03'].map((id) => results(id, { split })[0])).toEqual([
      'error',
      'unknown',
      'unknown',
    ]);
  });

  it('may stand in a delegate, whose root brings the requests', () => {
    const delegate = withSpec({ hosts: [], gateways: null });
    const root = withSpec(
      { http: [{ delegate: { name: 'payment-service', namespace: 'payment-prod' } }] },
      called('payment-prod', 'root'),
    );
    const changes = having(delegate, root);
    expect(['PF-VS-01', 'PF-VS-05', 'PF-VS-07'].map((id) => results(id, changes))).toEqual([
      ['pass'],
      ['pass'],
      ['pass'],
    ]);
  });
});

describe('the split before the start (PF-VS-02)', () => {
  it('with users on the canary keeps the rollout from starting', () => {
    const split = fault('split-not-at-rest', 'spec.http[0].route', 'the split is v1 90 %, v2 10 %');
    expect(findings('PF-VS-02', { split })).toMatchObject([
      {
        severity: 'error',
        read: 'payment-prod/payment-service: the split is v1 90 %, v2 10 %',
        means:
          'users might be on v2 before its first check, or canaryd could not tell which destination is the canary',
        object,
        path: 'spec.http[0].route',
      },
    ]);
    expect(findings('PF-VS-02', having(withRoute({ route: weighing(90, 10) })))).toMatchObject([
      {
        severity: 'error',
        read: 'the route "primary" of payment-prod/payment-service sends 10 % to v2: v1 90 % (weight 90 of 100), v2 10 % (weight 10 of 100); a rollout starts at 0 %',
        mend: 'give v2 the weight 0 in spec.http[0].route: kubectl -n payment-prod edit virtualservice payment-service',
      },
    ]);
    expect(results('PF-VS-01', { split })).toEqual(['pass']);
  });

  it('may have weights whose sum is not 100, as they are relative', () => {
    expect(findings('PF-VS-02', having(withRoute({ route: weighing(3, 0) })))).toMatchObject([
      { result: 'pass', read: expect.stringContaining('v1 100 % (weight 3 of 3), v2 0 % (weight 0 of 3)') },
    ]);
  });

  it('gives a sole destination everything, whatever its weight', () => {
    const sole = [{ destination: { host, subset: 'v2' }, weight: 0 }];
    expect(results('PF-VS-02', having(withRoute({ route: sole })))).toEqual(['error']);
  });

  it('may have a third destination with a share of its own', () => {
    const third = { destination: { host, subset: 'v1-experiment' }, weight: 20 };
    expect(results('PF-VS-02', having(withRoute({ route: [...weighing(80, 0), third] })))).toEqual(['pass']);
  });

  it('is not asked again once the rollout has begun', () => {
    expect(results('PF-VS-02', written(5))).toEqual(['skip']);
  });
});

describe('destinations (PF-VS-03)', () => {
  const to = (written: string, port?: number) => ({
    route: weighing(100, 0).map((one) => ({
      ...one,
      destination: {
        ...one.destination,
        host: written,
        ...(port === undefined ? {} : { port: { number: port } }),
      },
    })),
  });
  const [service] = parsed(objects.Service, bank.services);
  if (service === undefined) throw new Error('the bank has a Service');
  const twoPorts = {
    ...service,
    spec: {
      ...service.spec,
      ports: [
        { name: 'http', port: 8080 },
        { name: 'admin', port: 9090 },
      ],
    },
  };

  it('that are no Service or host of the mesh keep the rollout from starting', () => {
    const split = fault('service-not-found', 'spec.http[0].route[1]', 'there is no service payments');
    expect(results('PF-VS-03', { split })).toEqual(['error']);
    expect(findings('PF-VS-03', having(withRoute(to('payment-service.payment-prod'))))[0]).toMatchObject({
      severity: 'error',
      read: 'the route "primary" of payment-prod/payment-service sends to payment-service.payment-prod, which Istio takes as it stands, as it completes only names without a dot: payment-service.payment-prod.svc.cluster.local is another host for it',
      means:
        'requests to this destination are answered with 503, so the step that gives it traffic is an outage',
      mend: 'write payment-service.payment-prod.svc.cluster.local in spec.http[0].route[0].destination.host: kubectl -n payment-prod edit virtualservice payment-service',
      path: 'spec.http[0].route[0].destination.host',
    });
  });

  it.each([
    'payment-service.payment-prod.svc',
    'Payment-Service.Payment-Prod',
  ])('that Kubernetes would complete and Istio does not are named in full: %s', (written) => {
    expect(findings('PF-VS-03', having(withRoute(to(written))))[0]).toMatchObject({
      severity: 'error',
      read: expect.stringContaining(`completes only names without a dot: ${host} is another host for it`),
      mend: `write ${host} in spec.http[0].route[0].destination.host: kubectl -n payment-prod edit virtualservice payment-service`,
    });
  });

  it('may be short names, which the namespace of the VirtualService completes', () => {
    expect(results('PF-VS-03', having(withRoute(to('payment-service'))))).toEqual(['pass']);
  });

  it('may be hosts of a ServiceEntry that is exported to them', () => {
    const changes = having(withRoute(to('api.cards.example.com', 443)));
    expect(results('PF-VS-03', changes)).toEqual(['pass']);
    const [entry] = parsed(objects.ServiceEntry, bank.serviceEntries);
    if (entry === undefined) throw new Error('the bank has a ServiceEntry');
    const hidden = { ...entry, spec: { ...entry.spec, exportTo: ['.'] } };
    expect(results('PF-VS-03', { ...changes, serviceEntries: read([hidden]) })).toEqual(['error', 'error']);
  });

  it('in a namespace whose Services were not read are unknown', () => {
    expect(results('PF-VS-03', having(withRoute(to('ledger.ledger-prod.svc.cluster.local'))))).toContain(
      'unknown',
    );
  });

  it('need a port that the Service has', () => {
    expect(findings('PF-VS-03', having(withRoute(to(host, 8443))))[0]).toMatchObject({
      severity: 'error',
      read: `the route "primary" of payment-prod/payment-service sends to port 8443 of ${host}; the Service payment-prod/payment-service has 8080`,
    });
  });

  it('need a port at a gateway when the Service has several, and keep the one that was called in the mesh', () => {
    const services = read([twoPorts]);
    expect(results('PF-VS-03', { services })).toEqual(['pass']);
    const ingress = withSpec({ gateways: ['istio-ingress/public'] });
    expect(findings('PF-VS-03', { ...having(ingress), services })[0]).toMatchObject({
      severity: 'error',
      read: `the route "primary" of payment-prod/payment-service names no port for ${host}, and the Service payment-prod/payment-service has 8080, 9090: requests of the gateway istio-ingress/public would go to the gateway's own port`,
      mend: 'add "port": {"number": 8080} to spec.http[0].route[0].destination: kubectl -n payment-prod edit virtualservice payment-service',
    });
    const named = withSpec({ gateways: ['istio-ingress/public'] }, withRoute(to(host, 8080)));
    expect(results('PF-VS-03', { ...having(named), services })).toEqual(['pass']);
  });
});

describe('subsets (PF-VS-04)', () => {
  const [rule] = parsed(objects.DestinationRule, bank.destinationRules);
  if (rule === undefined) throw new Error('the bank has a DestinationRule');
  const only = rule.spec.subsets?.filter(({ name }) => name === 'v1');
  const split = fault('subset-not-found', 'spec.http[0].route[1].destination.subset', 'no rule has v2');

  it('that nobody defines keep the rollout from starting', () => {
    const lacking = { ...rule, spec: { ...rule.spec, subsets: only } };
    expect(results('PF-VS-04', { split, destinationRules: read([lacking]) })).toEqual(['error']);
    expect(findings('PF-VS-04', { destinationRules: read([lacking]) })).toMatchObject([
      {
        severity: 'error',
        read: 'callers in payment-prod obey payment-prod/payment-service, which has no subset v2',
        means:
          'their requests to v2 are answered with 503: for the canary that is a failed rollout, for stable an outage on the way back',
        mend: 'add {"name":"v2","labels":{"version":"v2"}} to its spec.subsets: kubectl -n payment-prod edit destinationrule payment-service',
        object: { kind: 'DestinationRule', namespace: 'payment-prod', name: 'payment-service' },
        path: 'spec.subsets',
      },
    ]);
  });

  it.each(['istio-system', 'order-prod'])('may be defined in %s, root or client namespace', (namespace) => {
    const elsewhere = { ...rule, metadata: { ...rule.metadata, namespace } };
    const moved = namespace === 'order-prod' ? 'order-prod' : 'payment-prod';
    const subject = subjectWith({
      virtualServices: [
        { namespace: moved, name: 'payment-service', routes: [{ kind: 'http', name: 'primary' }] },
      ],
    });
    const changes = {
      ...having(called(moved, 'payment-service')),
      subject,
      destinationRules: read([elsewhere]),
    };
    expect(results('PF-VS-04', changes)).toEqual(['pass']);
    expect(results('PF-VS-04', { ...changes, split })).toEqual(['warn']);
  });

  it('may be exported to the callers alone, and are lost when they are not', () => {
    const to = (...exportTo: string[]) => ({
      destinationRules: read([
        {
          ...rule,
          metadata: { ...rule.metadata, namespace: 'istio-system' },
          spec: { ...rule.spec, exportTo },
        },
      ]),
    });
    expect(results('PF-VS-04', to('payment-prod'))).toEqual(['pass']);
    expect(results('PF-VS-04', to('order-prod'))).toEqual(['error', 'error']);
  });

  it('do not matter where each version has a host of its own', () => {
    const { stable, canary } = subjectWith();
    const subject = subjectWith({ stable: { ...stable, subset: null }, canary: { ...canary, subset: null } });
    expect(results('PF-VS-04', { subject })).toEqual(['skip']);
  });
});

describe('another VirtualService (PF-VS-05)', () => {
  it('for the same host in the mesh keeps the rollout from starting', () => {
    expect(findings('PF-VS-05', having(payment, called('order-prod', 'payments')))).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: `order-prod/payments gives routes for ${host} in the mesh, as payment-prod/payment-service does`,
        means:
          'callers in every namespace obey one of the two and ignore the other: where it is not ours, no weight moves their requests, forward or back, and v2 is judged without them',
        mend: 'put the routes of both into one object, or take the host or the gateway out of the other: kubectl -n order-prod edit virtualservice payments',
        object: { kind: 'VirtualService', namespace: 'order-prod', name: 'payments' },
        path: 'spec.hosts',
      },
    ]);
  });

  it('may have the host at another gateway', () => {
    const other = withSpec({ gateways: ['istio-ingress/public'] }, called('order-prod', 'payments'));
    expect(results('PF-VS-05', having(payment, other))).toEqual(['pass']);
  });

  it('may be exported to others, and counts only where both are seen', () => {
    const other = (exportTo: string[]) => withSpec({ exportTo }, called('order-prod', 'payments'));
    const ours = withSpec({ exportTo: ['.'] });
    expect(results('PF-VS-05', having(ours, other(['.'])))).toEqual(['pass']);
    expect(results('PF-VS-05', having(payment, other(['.'])))).toEqual(['warn']);
    expect(results('PF-VS-05', having(ours, other(['*'])))).toEqual(['error']);
  });

  it('may have a wildcard of the namespace, as the host that is named goes first', () => {
    const wildcard = withSpec({ hosts: ['*.payment-prod.svc.cluster.local'] }, called('order-prod', 'all'));
    expect(results('PF-VS-05', having(payment, wildcard))).toEqual(['pass']);
    const ours = withSpec({ hosts: ['*.payment-prod.svc.cluster.local'] });
    expect(results('PF-VS-05', having(ours, called('order-prod', 'one')))).toEqual(['error']);
  });

  describe('at the same gateway', () => {
    const gateway = 'istio-ingress/public';
    const matching = (match: Route['match'], made: Made) =>
      withSpec({ gateways: [gateway], http: [{ ...primary, match }] }, made);
    const since = (time: string, made: Made): Made => ({
      ...made,
      metadata: { ...made.metadata, creationTimestamp: time },
    });
    const others = called('order-prod', 'payments');
    const older = (match: Route['match']) => since('2020-01-01T00:00:00Z', matching(match, others));
    const younger = (match: Route['match']) => since('2026-11-01T00:00:00Z', matching(match, others));
    const everything: Route['match'] = [{ uri: { prefix: '/' } }];
    const narrow: Route['match'] = [{ uri: { prefix: '/api/payments' } }];
    const judge = (ours: Route['match'], other: Made) =>
      results('PF-VS-05', having(matching(ours, payment), other));

    it('and older goes first where both have a route for everything', () => {
      expect(findings('PF-VS-05', having(matching(null, payment), older(everything)))).toMatchObject([
        {
          severity: 'error',
          read: `order-prod/payments gives routes for ${host} at the gateway ${gateway}, as payment-prod/payment-service does`,
          means: `its route for everything is older and goes before a route of ours for everything: requests that come by ${gateway} may never be divided, and weights would not move them back either`,
          object: { kind: 'VirtualService', namespace: 'order-prod', name: 'payments' },
        },
      ]);
      expect(judge(everything, younger(everything))).toEqual(['warn']);
    });

    it('and older for everything goes behind a narrower route of ours', () => {
      expect(findings('PF-VS-05', having(matching(narrow, payment), older(null)))).toMatchObject([
        {
          severity: 'warn',
          means:
            'the gateway puts the routes of both together, those for everything last: requests that a narrower route of the other one matches may never reach v2, whatever its share',
        },
      ]);
      expect(judge(narrow, older(everything))).toEqual(['warn']);
      expect(judge(everything, older(narrow))).toEqual(['warn']);
    });

    it('matters where a route of ours that is not moved is for everything, too: as a warning', () => {
      const rest = { name: 'rest', route: weighing(100, 0) };
      const ours = withSpec({ gateways: [gateway], http: [{ ...primary, match: narrow }, rest] });
      expect(results('PF-VS-05', having(ours, older(null)))).toEqual(['warn']);
    });

    it.each([
      ['a gateway alone', [{ gateways: [gateway] }], null, 'error'],
      ['a gateway of its namespace alone', [{ gateways: ['public'] }], null, 'warn'],
      ['another gateway', [{ gateways: ['mesh'], uri: { prefix: '/' } }], null, 'warn'],
      ['a port alone', [{ port: 443 }], null, 'error'],
      ['the port of the other', [{ port: 443 }], [{ port: 443 }], 'error'],
      ['another port', [{ port: 443 }], [{ port: 80 }], 'warn'],
      ['a header', [{ headers: { 'x-canary': { exact: 'always' } } }], null, 'warn'],
      ['one narrow block and one for all', [...narrow, {}], null, 'error'],
    ] satisfies [
      string,
      Route['match'],
      Route['match'],
      string,
    ][])('meets a route of ours by %s as it does by Istio', (_, ours, theirs, expected) => {
      expect(judge(ours, older(theirs))).toEqual([expected]);
    });

    it.each([
      ['both are for everything', everything, null, 'error'],
      ['the one that delegates is narrow', narrow, null, 'warn'],
      ['the one in the delegate is narrow', null, narrow, 'warn'],
      ['they name different ports', [{ port: 80 }], [{ port: 443 }], 'warn'],
    ] satisfies [
      string,
      Route['match'],
      Route['match'],
      string,
    ][])('goes before a route in a delegate only where %s', (_, above, below, expected) => {
      const delegate = withSpec({ hosts: [], gateways: null, http: [{ ...primary, match: below }] });
      const root = withSpec(
        {
          gateways: [gateway],
          http: [{ match: above, delegate: { name: 'payment-service', namespace: 'payment-prod' } }],
        },
        called('payment-prod', 'root'),
      );
      expect(results('PF-VS-05', having(delegate, root, older(null)))).toEqual([expected]);
    });
  });

  it('is found in whatever order the objects are read', () => {
    const others = [called('order-prod', 'one'), called('order-prod', 'two'), payment, cards];
    const inOrder = results('PF-VS-05', { virtualServices: read(others) });
    const shuffled = fc.shuffledSubarray(others, { minLength: others.length });
    fc.assert(
      fc.property(shuffled, (all) => {
        expect(results('PF-VS-05', { virtualServices: read(all) })).toEqual(inOrder);
      }),
      { numRuns: 50 },
    );
  });

  it('is told of five times at most', () => {
    const others = [1, 2, 3, 4, 5, 6, 7].map((number) => called('order-prod', `payments-${number}`));
    const found = findings('PF-VS-05', having(...others, payment));
    expect(found).toHaveLength(5);
    expect(found.at(-1)?.['read']).toContain('and 2 more');
  });
});

describe('an earlier route (PF-VS-06)', () => {
  it('for everything leaves the route nothing', () => {
    const changes = having(withRoute({}, [{ name: 'all', route: weighing(100, 0) }]));
    expect(findings('PF-VS-06', changes)).toMatchObject([
      {
        severity: 'warn',
        read: 'spec.http[0] ("all") stands before it and takes every request that the route "primary" of payment-prod/payment-service matches',
        means: 'no weight moves anybody: v2 gets no request at any share, and its checks find no data',
        mend: 'put the route before spec.http[0], or narrow the match of that one: kubectl -n payment-prod edit virtualservice payment-service',
        path: 'spec.http[0].match',
      },
    ]);
  });

  it('may take a part that is said', () => {
    const match = [{ uri: { prefix: '/payments/eu' } }, { uri: { prefix: '/refunds' } }];
    const changes = having(withRoute({ match }, [{ match: [{ uri: { prefix: '/payments' } }] }]));
    expect(findings('PF-VS-06', changes)[0]?.['read']).toContain('takes what spec.http[1].match[0] of');
  });

  it.each([
    ['by a header', [{ headers: { 'x-canary': { exact: 'always' } } }]],
    ['by a path of its own', [{ uri: { prefix: '/admin' } }]],
    ['by a port', [{ port: 80 }]],
  ])('may stand first on purpose %s', (_, match) => {
    expect(results('PF-VS-06', having(withRoute({}, [{ match, route: weighing(0, 100) }])))).toEqual([
      'pass',
    ]);
  });
});

describe('callers (PF-VS-07)', () => {
  const caller = (workload: string, namespace: string) => ({
    workload,
    namespace,
    principal: null,
    requestsPerSecond: 40,
    plaintextPerSecond: 0,
  });
  const [gateway] = parsed(objects.Gateway, bank.gateways);
  if (gateway === undefined) throw new Error('the bank has a Gateway');
  const serving = (...hosts: string[]) =>
    read([
      {
        ...gateway,
        metadata: { ...gateway.metadata, namespace: 'istio-ingress', name: 'public' },
        spec: { ...gateway.spec, servers: [{ hosts }] },
      },
    ]);
  const atIngress = withSpec({ gateways: ['istio-ingress/public'] });
  const byIngress = { callers: read([caller('istio-ingressgateway', 'istio-ingress')]) };

  it('in the mesh are not divided by routes for a gateway alone', () => {
    const changes = { ...having(atIngress), gateways: serving('*') };
    expect(findings('PF-VS-07', changes)).toMatchObject([
      {
        severity: 'warn',
        read: 'order-prod/order-service calls at 600 requests/s, and the routes hold at istio-ingress/public only, without mesh',
        means:
          'its requests are not divided: they reach all pods of payment-service, those of v2 among them, whatever the weights, and going back does not take them off',
        mend: 'add mesh to spec.gateways: kubectl -n payment-prod edit virtualservice payment-service',
      },
    ]);
  });

  it('of a service that only a gateway calls need no mesh', () => {
    expect(results('PF-VS-07', { ...having(atIngress), ...byIngress, gateways: serving('*') })).toEqual([
      'pass',
    ]);
  });

  it('by a gateway need it to exist and to serve the host', () => {
    const changes = { ...having(atIngress), ...byIngress };
    expect(findings('PF-VS-07', changes)[0]?.['read']).toContain('there is no such Gateway');
    expect(findings('PF-VS-07', { ...changes, gateways: serving('shop.example.com') })[0]?.['read']).toBe(
      `payment-prod/payment-service names the gateway istio-ingress/public, and its servers are for shop.example.com, not for ${host}`,
    );
    expect(results('PF-VS-07', { ...changes, gateways: serving('payment-prod/*') })).toEqual(['pass']);
    expect(results('PF-VS-07', { ...changes, gateways: serving('order-prod/*') })).toEqual(['warn']);
  });

  it('by a gateway are not divided by routes for the mesh alone', () => {
    expect(results('PF-VS-07', byIngress)).toEqual(['warn']);
  });

  it('that another object brings past the weights are told of', () => {
    const past = withSpec({ hosts: ['pay.example.com'] }, called('edge-prod', 'public'));
    expect(findings('PF-VS-07', having(payment, past))[0]?.['read']).toBe(
      `edge-prod/public sends requests to ${host}, too, at mesh, and is no part of the target`,
    );
  });
});

describe('left-overs (PF-VS-08)', () => {
  const abort = { abort: { percentage: { value: 50 }, httpStatus: 503 } };

  it('of a fault keep the rollout from starting', () => {
    expect(findings('PF-VS-08', having(withRoute({ fault: abort })))).toMatchObject([
      {
        severity: 'error',
        read: 'payment-prod/payment-service has a fault in spec.http[0] ("primary"): {"abort":{"percentage":{"value":50},"httpStatus":503}}',
        mend: `take spec.http[0].fault away: kubectl -n payment-prod patch virtualservice payment-service --type=json -p '[{"op":"remove","path":"/spec/http/0/fault"}]'`,
        path: 'spec.http[0].fault',
      },
    ]);
  });

  it('of a drill are found by its annotation', () => {
    const annotations = { 'canaryd.io/drill-expires-at': '2026-11-23T11:00:00Z' };
    const marked = { ...payment, metadata: { ...payment.metadata, annotations } };
    expect(findings('PF-VS-08', having(marked))).toMatchObject([
      {
        severity: 'error',
        mend: 'end the drill; if it has ended: kubectl -n payment-prod annotate virtualservice payment-service canaryd.io/drill-expires-at-',
      },
    ]);
  });

  it('of a mirror count where copies arrive at one of the two', () => {
    expect(results('PF-VS-08', having(withRoute({ mirror: { host, subset: 'v2' } })))).toEqual(['error']);
    const listed = [{ destination: { host: 'payment-service', subset: 'v2' } }];
    expect(results('PF-VS-08', having(withRoute({ mirrors: listed })))).toEqual(['error']);
  });

  it('may be planned: shadowing of another host is noted, and a mirror that canaryd put there is its own', () => {
    expect(
      results('PF-VS-08', having(withRoute({ mirror: { host: 'shadow.lab.svc.cluster.local' } }))),
    ).toEqual(['info']);
    const managed = { name: 'canaryd-mirror', mirror: { host, subset: 'v2' }, route: weighing(100, 0) };
    expect(results('PF-VS-08', having(withRoute({}, [managed])))).toEqual(['pass']);
  });
});

describe('retries and timeouts (PF-VS-09)', () => {
  it('that hide what the canary does are noted', () => {
    const changes = having(withRoute({ retries: { attempts: 3, retryOn: '5xx' }, timeout: '0.5s' }));
    expect(findings('PF-VS-09', changes)).toMatchObject([
      {
        severity: 'info',
        read: 'the route "primary" of payment-prod/payment-service makes up to 3 retries on 5xx',
        path: 'spec.http[0].retries',
      },
      {
        severity: 'info',
        read: 'the route "primary" of payment-prod/payment-service has a timeout of 500 ms, and the limit of the check p99 is 1000 ms',
        means:
          'callers give up before v2 can be as slow as the limit: a slow canary shows as errors 504 at its callers, not as latency',
        mend: 'let the limit of p99 lie below 500 ms',
      },
    ]);
  });

  it('that are switched off or lie above the limit hide nothing', () => {
    expect(results('PF-VS-09', having(withRoute({ retries: { attempts: 0 }, timeout: '1m1s' })))).toEqual([
      'pass',
    ]);
  });
});

describe('weights during a rollout (PF-VS-10)', () => {
  const owned = (manager: string, secondsAgo: number, object: Made): Made => ({
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: [
        {
          manager,
          operation: 'Update',
          time: new Date(noon - secondsAgo * 1000).toISOString(),
          fieldsV1: { 'f:spec': { 'f:http': {} } },
        },
      ],
    },
  });
  const moved = withRoute({ route: weighing(80, 20) });

  it('that stand as written pass, and are looked at again', () => {
    expect(findings('PF-VS-10', { ...written(20), ...having(moved) })).toMatchObject([
      { result: 'pass', again: true, read: expect.stringContaining('as written (20 %)') },
    ]);
  });

  it('that somebody else changed keep the next step back, and the writer is named', () => {
    const changes = { ...written(5), ...having(owned('kubectl-edit', 60, moved)) };
    expect(findings('PF-VS-10', changes)).toMatchObject([
      {
        severity: 'error',
        read: 'the route "primary" of payment-prod/payment-service sends 20 % to v2, and canaryd wrote 5 %: v1 80 % (weight 80 of 100), v2 20 % (weight 20 of 100); last written by kubectl-edit at 2026-11-23T11:59:00.000Z',
        means:
          'more users are on v2 than its checks allowed for, and whoever wrote that may do it again while the rollout goes back',
        mend: 'find out who writes the weights and stop it, then let canaryd go on or go back: kubectl -n payment-prod get virtualservice payment-service -o yaml --show-managed-fields',
        object,
      },
    ]);
  });

  it('that canaryd wrote within five seconds are in flight', () => {
    expect(results('PF-VS-10', { ...written(5), ...having(owned('canaryd', 4, moved)) })).toEqual(['skip']);
    expect(results('PF-VS-10', { ...written(5), ...having(owned('canaryd', 6, moved)) })).toEqual(['error']);
    expect(results('PF-VS-10', { ...written(5), ...having(owned('argocd', 4, moved)) })).toEqual(['error']);
  });

  describe('while the answer of a write is not known', () => {
    const open = { subject: subjectWith({ writtenShare: 5, intendedShare: 20 }) };
    const at = (share: number) => withRoute({ route: weighing(100 - share, share) });

    it('may be those of that write, or still those of before', () => {
      expect(findings('PF-VS-10', { ...open, ...having(at(20)) })).toMatchObject([
        {
          result: 'pass',
          read: expect.stringContaining('as written (5 %), or as a write that may have landed (20 %)'),
        },
      ]);
      expect(results('PF-VS-10', { ...open, ...having(at(5)) })).toEqual(['pass']);
    });

    it("are somebody else's where they are neither, even between the two", () => {
      expect(findings('PF-VS-10', { ...open, ...having(at(12)) })).toMatchObject([
        {
          severity: 'error',
          read: expect.stringContaining(
            'sends 12 % to v2, and canaryd wrote 5 %, and 20 % that may have landed: v1 88 %',
          ),
          means: expect.stringContaining('v2 is judged at a share that it does not have'),
        },
      ]);
      expect(findings('PF-VS-10', { ...open, ...having(at(50)) })).toMatchObject([
        { severity: 'error', means: expect.stringContaining('more users are on v2') },
      ]);
    });

    it('may be at the one in one VirtualService and at the other in another, and are judged one by one', () => {
      const subject = subjectWith({
        ...open.subject,
        virtualServices: ['payment-service', 'payment-eu'].map((name) => ({
          namespace: 'payment-prod',
          name,
          routes: [{ kind: 'http', name: 'primary' }],
        })),
      });
      const both = (one: number, other: number) => ({
        subject,
        ...having(at(one), called('payment-prod', 'payment-eu', at(other))),
      });
      expect(results('PF-VS-10', both(5, 20))).toEqual(['pass']);
      expect(results('PF-VS-10', both(20, 5))).toEqual(['pass']);
      expect(findings('PF-VS-10', both(20, 30))).toMatchObject([
        { severity: 'error', object: { ...object, name: 'payment-eu' } },
      ]);
    });
  });
});

describe('balancing by hash or locality (PF-VS-11)', () => {
  const [rule] = parsed(objects.DestinationRule, bank.destinationRules);
  if (rule === undefined) throw new Error('the bank has a DestinationRule');
  type Balancer = NonNullable<objects.TrafficPolicy['loadBalancer']>;
  const balancing = (loadBalancer: Balancer) =>
    read([{ ...rule, spec: { ...rule.spec, trafficPolicy: { loadBalancer } } }]);

  it('is noted, as users may jump between the versions', () => {
    const destinationRules = balancing({
      consistentHash: { httpHeaderName: 'x-user' },
      localityLbSetting: { failover: [] },
    });
    expect(findings('PF-VS-11', { destinationRules })).toMatchObject([
      {
        severity: 'info',
        read: 'payment-prod/payment-service balances by {"httpHeaderName":"x-user"}',
        path: 'spec.trafficPolicy.loadBalancer.consistentHash',
      },
      { severity: 'info', path: 'spec.trafficPolicy.loadBalancer.localityLbSetting' },
    ]);
  });

  it('is not where a locality setting is switched off', () => {
    expect(
      results('PF-VS-11', { destinationRules: balancing({ localityLbSetting: { enabled: false } }) }),
    ).toEqual(['pass']);
  });
});

describe('HTTPRoutes of the Gateway API (PF-GW-01)', () => {
  const service = { group: '', kind: 'Service', name: 'payment-service' };
  const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'public' };
  type Conditions = [accepted: string, resolved: string, generation?: number];
  const told = (parentRef: object, [accepted, resolved, observedGeneration = 4]: Conditions) => ({
    parentRef,
    controllerName: 'istio.io/gateway-controller',
    conditions: [
      {
        type: 'Accepted',
        status: accepted,
        reason: accepted === 'True' ? 'Accepted' : 'NotAllowedByListeners',
        observedGeneration,
      },
      {
        type: 'ResolvedRefs',
        status: resolved,
        reason: resolved === 'True' ? 'ResolvedRefs' : 'BackendNotFound',
        observedGeneration,
      },
    ],
  });
  const route = (spec: object, parents: object[] = [], namespace = 'payment-prod') => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'payments', namespace, uid: 'uid-payments', generation: 4 },
    spec,
    status: { parents },
  });
  const having = (...routes: object[]): Partial<Snapshot> => ({
    httpRoutes: read(parsed(objects.HttpRoute, routes)),
  });
  const backend = (changes: object = {}) => ({
    parentRefs: [gateway],
    hostnames: ['pay.bank.example.com'],
    rules: [
      {
        backendRefs: [
          { group: '', kind: 'Service', name: 'payment-service', port: 8080, weight: 1, ...changes },
        ],
      },
    ],
  });

  it('that stand before the Service in the mesh go past the weights', () => {
    const before = { parentRefs: [service], rules: [{ backendRefs: [{ name: 'payment-v1', port: 8080 }] }] };
    expect(findings('PF-GW-01', having(route(before, [told(service, ['True', 'True'])])))).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'warn',
        read: 'HTTPRoute payment-prod/payments stands before Service payment-prod/payment-service; payment-service: Accepted True, ResolvedRefs True',
        means:
          'requests of the mesh that it takes do not follow the weights: v2 may have more or fewer users than its share says, also when the rollout goes back',
        mend: 'look at it: kubectl -n payment-prod get httproutes.gateway.networking.k8s.io payments -o yaml; take it away, or let the VirtualService bring these requests, as canaryd moves no weights of HTTPRoutes',
        object: { kind: 'HTTPRoute', namespace: 'payment-prod', name: 'payments' },
        path: 'spec.parentRefs',
      },
    ]);
  });

  it('that send to the Service go past the weights, also from another namespace', () => {
    const elsewhere = route(
      backend({ namespace: 'payment-prod' }),
      [told(gateway, ['True', 'False'])],
      'web',
    );
    expect(findings('PF-GW-01', having(elsewhere))).toMatchObject([
      {
        severity: 'warn',
        read: 'HTTPRoute web/payments sends to Service payment-prod/payment-service; public: Accepted True, ResolvedRefs False (BackendNotFound)',
        path: 'spec.rules[].backendRefs',
      },
    ]);
  });

  const hostname = (name: string) => backend({ group: 'networking.istio.io', kind: 'Hostname', name });

  it.each([
    ['payment-service.payment-prod.svc.cluster.local', 'web'],
    ['Payment-Service.payment-prod.svc.cluster.local', 'payment-prod'],
    ['payment-service', 'payment-prod'],
  ])('that send to it by the host %s, from %s, go past the weights', (name, from) => {
    expect(findings('PF-GW-01', having(route(hostname(name), [], from)))).toMatchObject([
      {
        severity: 'warn',
        read: `HTTPRoute ${from}/payments sends to Hostname payment-service.payment-prod.svc.cluster.local; no controller says whether it is accepted`,
      },
    ]);
  });

  it('that no parent accepts are a note, unless that was said of an older form', () => {
    const refused = having(route(backend(), [told(gateway, ['False', 'True'])]));
    expect(results('PF-GW-01', refused)).toEqual(['info']);
    const behind = having(route(backend(), [told(gateway, ['False', 'True', 3])]));
    expect(findings('PF-GW-01', behind)).toMatchObject([
      {
        severity: 'warn',
        read: expect.stringContaining('Accepted False (NotAllowedByListeners) of generation 3, not 4'),
      },
    ]);
    expect(findings('PF-GW-01', having(route(backend())))).toMatchObject([
      { severity: 'warn', read: expect.stringContaining('no controller says whether it is accepted') },
    ]);
  });

  it('that one of several parents accepts count', () => {
    const parents = [told(gateway, ['False', 'True']), told({ ...gateway, name: 'inner' }, ['True', 'True'])];
    expect(results('PF-GW-01', having(route(backend(), parents)))).toEqual(['warn']);
  });

  it('of other Services, of the same name elsewhere, with the weight 0 or for a Gateway named like the Service do not', () => {
    const same = { ...gateway, name: 'payment-service' };
    const others = [
      route(backend({ name: 'ledger-service' })),
      route(backend(), [], 'web'),
      route(backend({ weight: 0 })),
      route({ parentRefs: [same], rules: [] }),
      route({ parentRefs: [{ kind: 'Service', name: 'payment-service' }], rules: [] }),
      route(hostname('payment-service'), [], 'web'),
      route(hostname('payment-service.payment-prod')),
      route(hostname('ledger-service.payment-prod.svc.cluster.local')),
      route(backend({ kind: 'Hostname', name: 'payment-service' })),
    ];
    for (const one of others) expect(results('PF-GW-01', having(one))).toEqual(['skip']);
  });

  it('are told of five times at most, in the order of their names', () => {
    const many = [7, 3, 5, 1, 2, 6, 4].map((number) => ({
      ...route(backend()),
      metadata: { name: `payments-${number}`, namespace: 'payment-prod', generation: 4 },
    }));
    const found = findings('PF-GW-01', having(...many));
    expect(found.map((one) => one['object'])).toMatchObject(
      [1, 2, 3, 4, 5].map((number) => ({ name: `payments-${number}` })),
    );
    expect(found.at(-1)?.['read']).toMatch(/ \(and 2 more like it\)$/);
  });
});
