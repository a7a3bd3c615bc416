import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesExist } from '../../src/readiness/authorization/names-exist.ts';
import * as objects from '../../src/readiness/objects.ts';
import type { Snapshot } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { labelled, podsWith, withoutProxy } from './changed-objects.ts';
import { healthy, judged, parsed, read, subjectWith, unread } from './healthy.ts';

const [denyAll, allowOrders] = parsed(objects.AuthorizationPolicy, bank.authorizationPolicies);
if (denyAll === undefined || allowOrders === undefined) throw new Error('the bank has two policies');
type Policy = objects.AuthorizationPolicy;

/** The policy that lets orders in, with other rules. */
function policy(rules: object[], changes: object = {}, metadata: object = {}): Policy {
  const { spec, ...rest } = allowOrders ?? {};
  return objects.AuthorizationPolicy.parse({
    ...rest,
    metadata: { ...allowOrders?.metadata, ...metadata },
    spec: { ...spec, rules, ...changes },
  });
}

const having = (policies: Policy[], changes: Partial<Snapshot> = {}) =>
  healthy({ authorizationPolicies: read(policies), ...changes });
const from = (source: object) => [{ from: [{ source }] }];
const to = (operation: object) => [{ to: [{ operation }] }];
const severities = (policies: Policy[], changes: Partial<Snapshot> = {}) =>
  judged(namesExist, having(policies, changes)).map((one) =>
    one.result === 'fail' ? one['severity'] : one.result,
  );

describe('what AuthorizationPolicies name (PF-AZ-04)', () => {
  it('is there on a healthy target', () => {
    expect(judged(namesExist, healthy())).toMatchObject([
      {
        result: 'pass',
        read: '2 policies select the service: 1 accounts and hosts that they name exist, and no rule for HTTP stands on a TCP port',
      },
    ]);
  });

  it.each([
    'serviceAccounts',
    'gateways',
    'serviceEntries',
    'callers',
  ] as const)('is unknown when the %s could not be read', (name) => {
    expect(judged(namesExist, healthy({ [name]: unread('forbidden') }))).toMatchObject([
      { result: 'unknown', read: expect.stringContaining('forbidden') },
    ]);
  });

  it('is unknown, not missing, where a namespace could not be read', () => {
    const gone = policy(from({ principals: ['cluster.local/ns/order-prod/sa/orders'] }));
    const serviceAccounts = read(bank.serviceAccounts, ['namespace order-prod: forbidden']);
    expect(severities([gone], { serviceAccounts })).toEqual(['unknown']);
  });

  it('does not apply where no policy is enforced, or the service has no pods here', () => {
    const annotations = { 'istio.io/dry-run': 'true' };
    const dry = policy(from({ principals: ['cluster.local/ns/order-prod/sa/orders'] }), {}, { annotations });
    expect(severities([dry])).toEqual(['skip']);
    const outside = { ...subjectWith().canary, podLabels: null };
    expect(severities([allowOrders], { subject: subjectWith({ canary: outside }) })).toEqual(['skip']);
  });

  it('says the same in whatever order it is read', () => {
    const rules = from({ principals: ['cluster.local/ns/order-prod/sa/orders'], serviceAccounts: ['a/b'] });
    const all = [denyAll, allowOrders, policy(rules, {}, { name: 'other' })];
    const usual = judged(namesExist, having(all));
    const orders = fc.shuffledSubarray(all, { minLength: all.length });
    const accounts = fc.shuffledSubarray(bank.serviceAccounts, { minLength: bank.serviceAccounts.length });
    fc.assert(
      fc.property(orders, accounts, (policies, serviceAccounts) => {
        expect(judged(namesExist, having(policies, { serviceAccounts: read(serviceAccounts) }))).toEqual(
          usual,
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('an account that a policy names (PF-AZ-04)', () => {
  it('and that is not there is a warning with what it means', () => {
    const gone = policy(from({ principals: ['cluster.local/ns/order-prod/sa/orders'] }));
    expect(judged(namesExist, having([denyAll, gone]))).toEqual([
      {
        priority: 'P1',
        again: false,
        result: 'fail',
        severity: 'warn',
        read: 'rule 1 of AuthorizationPolicy payment-prod/allow-orders (ALLOW) names cluster.local/ns/order-prod/sa/orders, and order-prod has no ServiceAccount orders',
        means:
          'the rule allows nothing by that name: whom it is meant for gets 403 "RBAC: access denied" from v1 and v2 alike, and the canary would be judged by it',
        mend: 'write the name of one that there is (kubectl -n order-prod get serviceaccounts): kubectl -n payment-prod edit authorizationpolicy allow-orders; if it is one of another cluster of the mesh, waive PF-AZ-04 with the reason',
        object: { kind: 'AuthorizationPolicy', namespace: 'payment-prod', name: 'allow-orders' },
        path: 'spec.rules[0].from[0].source.principals',
      },
    ]);
  });

  it.each([
    [{ serviceAccounts: ['order-prod/orders'] }, 'spec.rules[0].from[0].source.serviceAccounts'],
    [{ serviceAccounts: ['payments'] }, 'spec.rules[0].from[0].source.serviceAccounts'],
    [
      { notPrincipals: ['cluster.local/ns/order-prod/sa/orders'] },
      'spec.rules[0].from[0].source.notPrincipals',
    ],
  ])('is looked for in each field that names one: %j', (source, path) => {
    expect(judged(namesExist, having([policy(from(source))]))).toMatchObject([{ severity: 'warn', path }]);
  });

  it('is looked for in conditions', () => {
    const when = [{ key: 'source.principal', notValues: ['cluster.local/ns/order-prod/sa/orders'] }];
    expect(judged(namesExist, having([policy([{ when }], { action: 'DENY' })]))).toMatchObject([
      {
        means: 'the exception holds for nobody by that name, on v1 and v2 alike',
        path: 'spec.rules[0].when[0].notValues',
      },
    ]);
  });

  it('is never met with the scheme of its id', () => {
    const named = policy(from({ principals: ['spiffe://cluster.local/ns/order-prod/sa/order-service'] }));
    expect(judged(namesExist, having([named]))).toMatchObject([
      {
        severity: 'warn',
        read: expect.stringContaining('Istio compares principals without spiffe://'),
        mend: 'write cluster.local/ns/order-prod/sa/order-service: kubectl -n payment-prod edit authorizationpolicy allow-orders',
      },
    ]);
  });

  it('of another trust domain, of another form, or as a pattern is nobody in particular', () => {
    const principals = [
      'partner.example.com/ns/order-prod/sa/orders',
      'cluster.local/workload/orders',
      'cluster.local/ns/order-prod/*',
      '*/sa/orders',
      '*',
    ];
    expect(severities([policy(from({ principals }))])).toEqual(['pass']);
  });

  it('is one of ours by an alias of the trust domain', () => {
    const { meshConfig } = healthy();
    if (meshConfig.kind === 'unread') throw new Error('it is read');
    const aliased = read({ ...meshConfig.value, trustDomainAliases: ['old.bank.example.com'] });
    const named = policy(from({ principals: ['old.bank.example.com/ns/order-prod/sa/orders'] }));
    expect(severities([named], { meshConfig: aliased })).toEqual(['warn']);
    expect(severities([named])).toEqual(['pass']);
  });

  it('may be one of another cluster: unknown where its namespace is not here, and there when it calls', () => {
    const remote = policy(from({ principals: ['cluster.local/ns/branch-prod/sa/branch-service'] }));
    expect(judged(namesExist, having([remote]))).toMatchObject([
      {
        result: 'unknown',
        read: 'whether there is branch-prod/branch-service could not be seen: nothing of its namespace was found in this cluster',
      },
    ]);
    const callers = read([
      {
        workload: 'branch-service',
        namespace: 'branch-prod',
        principal: 'spiffe://cluster.local/ns/branch-prod/sa/branch-service',
        requestsPerSecond: 4,
        plaintextPerSecond: 0,
      },
    ]);
    expect(severities([remote], { callers })).toEqual(['pass']);
  });

  it('is told of five times at most', () => {
    const principals = [1, 2, 3, 4, 5, 6, 7].map((one) => `cluster.local/ns/order-prod/sa/orders-${one}`);
    const found = judged(namesExist, having([policy(from({ principals }))]));
    expect(found).toHaveLength(5);
    expect(found[4]?.['read']).toMatch(/orders-5 \(and 2 more like it\)$/);
  });
});

describe('a host that a policy names (PF-AZ-04)', () => {
  it('and that nobody serves is a warning', () => {
    const named = policy(to({ hosts: ['pay.bank.example.com'] }));
    expect(judged(namesExist, having([named]))).toMatchObject([
      {
        severity: 'warn',
        read: 'rule 1 of AuthorizationPolicy payment-prod/allow-orders (ALLOW) names the host pay.bank.example.com, which is none of a Service, ServiceEntry, Gateway or VirtualService',
        mend: 'write the host by which callers ask: kubectl -n payment-prod edit authorizationpolicy allow-orders; if something before the mesh brings it, waive PF-AZ-04 with the reason',
        path: 'spec.rules[0].to[0].operation.hosts',
      },
    ]);
    expect(severities([policy(to({ notHosts: ['pay.bank.example.com'] }))])).toEqual(['warn']);
  });

  it.each([
    'payment-service',
    'payment-service.payment-prod',
    'payment-service.payment-prod.svc',
    'Payment-Service.payment-prod.svc.cluster.local:8080',
    'api.cards.example.com',
    '*.bank.example.com',
  ])('may be written in any form that a caller may write: %s', (host) => {
    expect(severities([policy(to({ hosts: [host] }))])).toEqual(['pass']);
  });

  it('may be one of a Gateway, with a wildcard and a namespace before it', () => {
    const [gateway] = bank.gateways;
    const servers = [
      { hosts: ['payment-prod/*.bank.example.com'], port: { number: 443, protocol: 'HTTPS' } },
    ];
    const gateways = read(parsed(objects.Gateway, [{ ...gateway, spec: { ...gateway?.spec, servers } }]));
    expect(severities([policy(to({ hosts: ['pay.bank.example.com'] }))], { gateways })).toEqual(['pass']);
    expect(severities([policy(to({ hosts: ['pay.example.org'] }))], { gateways })).toEqual(['warn']);
  });

  it('may be a Service of a namespace that was not looked at: unknown', () => {
    const hosts = ['ledger-service.ledger-prod.svc.cluster.local'];
    expect(severities([policy(to({ hosts }))])).toEqual(['unknown']);
  });
});

describe('a rule for HTTP (PF-AZ-04)', () => {
  const [service] = bank.services;
  const ports = (...all: object[]): Partial<Snapshot> => ({
    services: read(parsed(objects.Service, [{ ...service, spec: { ...service?.spec, ports: all } }])),
  });
  const http = { name: 'http', port: 8080, targetPort: 8080, protocol: 'TCP' };
  const tcp = { name: 'tcp-iso8583', port: 9000, targetPort: 9000, protocol: 'TCP' };
  const methods = (changes: object = {}) => to({ methods: ['GET'], ...changes });

  it('of an ALLOW policy on a port that is not HTTP is left out by Istio', () => {
    expect(judged(namesExist, having([policy(methods())], ports(tcp)))).toMatchObject([
      {
        severity: 'warn',
        read: 'rule 1 of AuthorizationPolicy payment-prod/allow-orders (ALLOW) asks for methods, and port 9000 of v1 is not HTTP for Istio',
        means: 'Istio leaves the rule out there: what only it allows is denied, whichever version is asked',
        mend: 'name only ports that are HTTP in the rule (to.operation.ports), or say that the port is (PF-SC-07): kubectl -n payment-prod edit authorizationpolicy allow-orders',
        path: 'spec.rules[0]',
      },
    ]);
  });

  it('for every port is meant for those that are HTTP, and a port that is named is meant', () => {
    expect(severities([policy(methods())], ports(http, tcp))).toEqual(['pass']);
    expect(severities([policy(methods({ ports: ['8080'] }))], ports(http, tcp))).toEqual(['pass']);
    expect(severities([policy(methods({ ports: ['9000'] }))], ports(http, tcp))).toEqual(['warn']);
  });

  it('of a DENY policy denies more than it says on the port that is not HTTP', () => {
    const denied = policy(methods(), { action: 'DENY' });
    expect(judged(namesExist, having([denied], ports(http, tcp)))).toMatchObject([
      {
        severity: 'warn',
        means:
          'Istio leaves these fields out there: the rule denies every connection that meets the rest of it',
      },
    ]);
    expect(severities([policy(methods({ ports: ['8080'] }), { action: 'DENY' })], ports(http, tcp))).toEqual([
      'pass',
    ]);
  });

  it.each([
    ['hosts', to({ hosts: ['payment-service'] })],
    ['paths', to({ paths: ['/payments*'] })],
    ['requestPrincipals', from({ requestPrincipals: ['*'] })],
    ['request.headers[x-channel]', [{ when: [{ key: 'request.headers[x-channel]', values: ['branch'] }] }]],
  ])('is known by %s', (field, rules) => {
    expect(judged(namesExist, having([policy(rules)], ports(tcp)))).toMatchObject([
      { severity: 'warn', read: expect.stringContaining(`asks for ${field}, and port 9000`) },
    ]);
  });

  it('needs no HTTP where it asks for addresses, ports and identities alone', () => {
    const plain = [...to({ ports: ['9000'] }), ...from({ ipBlocks: ['10.0.0.0/8'] })];
    expect(severities([policy(plain)], ports(tcp))).toEqual(['pass']);
  });

  it('may stand on a port whose protocol is detected', () => {
    expect(severities([policy(methods())], ports({ ...tcp, name: 'payments' }))).toEqual(['pass']);
  });

  it('is for a waypoint in ambient mode, as ztunnel makes a denial of it', () => {
    const ambient = labelled({}, { 'ambient.istio.io/redirection': 'enabled' });
    const pods = podsWith('both', (pod) => ambient(withoutProxy(pod)));
    expect(judged(namesExist, having([policy(methods())], { pods }))).toMatchObject([
      {
        severity: 'warn',
        read: expect.stringContaining('asks for methods, and ztunnel before v1 knows no HTTP'),
        means: 'the whole policy denies there what it was to tell apart, whichever version is asked',
      },
    ]);
    const targetRefs = [{ group: '', kind: 'Service', name: 'payment-service' }];
    const atWaypoint = policy(methods(), { selector: undefined, targetRefs });
    expect(severities([atWaypoint], { pods })).toEqual(['pass']);
  });
});
