import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/readiness/check.ts';
import { egressGateway } from '../../src/readiness/egress/gateway.ts';
import { networkPolicies } from '../../src/readiness/egress/network-policies.ts';
import { pins } from '../../src/readiness/egress/pins.ts';
import { registry } from '../../src/readiness/egress/registry.ts';
import { egressChecks } from '../../src/readiness/egress.ts';
import * as objects from '../../src/readiness/objects.ts';
import { rule } from '../../src/readiness/policy.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import type { Snapshot } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { day, healthy, judged, noon, parsed, read, subjectWith, unread } from './healthy.ts';

const severities = (check: Check, snapshot: Snapshot) =>
  judged(check, snapshot).map((one) => (one.result === 'fail' ? one['severity'] : one.result));

const named = (object: { metadata: object } | undefined, name: string, namespace = 'payment-prod') => ({
  ...object,
  metadata: { ...object?.metadata, name, namespace },
});

const only = (version: string) => ({ app: 'payment-service', version });

describe('The egress checks', () => {
  it('pass for a healthy target', () => {
    const results = runChecks(egressChecks, healthy()).map(({ id, result }) => `${id} ${result}`);
    expect(results).toEqual(egressChecks.map(({ id }) => `${id} pass`));
  });

  it('are unknown when what they need may not be read', () => {
    const why = unread('no right to list');
    const blind = healthy({ sidecars: why, selectors: why, networkPolicies: why, gateways: why });
    expect(new Set(runChecks(egressChecks, blind).map(({ result }) => result))).toEqual(new Set(['unknown']));
  });
});

describe('Hosts under REGISTRY_ONLY', () => {
  const entriesWith = (changes: object) =>
    read(
      parsed(
        objects.ServiceEntry,
        bank.serviceEntries.map((one) => ({ ...one, spec: { ...one.spec, ...changes } })),
      ),
    );
  const sidecarsWith = (spec: object) =>
    read(
      parsed(
        objects.Sidecar,
        bank.sidecars.slice(0, 1).map((one) => ({ ...one, spec: { ...one.spec, ...spec } })),
      ),
    );

  it('stop the rollout when one that stable calls is not registered for the canary', () => {
    expect(judged(registry, healthy({ serviceEntries: read([]) }))).toMatchObject([
      {
        severity: 'error',
        read: 'Sidecar payment-prod/default sets REGISTRY_ONLY, and v2 knows no ServiceEntry for api.cards.example.com (v1 calls it 40 times a second)',
        means: 'calls of v2 to api.cards.example.com are answered 502 by its own proxy',
        mend: "register it and let the Sidecar of payment-prod take it in: kubectl get serviceentries -A | grep 'api.cards.example.com'; kubectl -n payment-prod get sidecars -o yaml",
        object: { kind: 'Sidecar', namespace: 'payment-prod', name: 'default' },
      },
    ]);
  });

  it('count as unregistered where the ServiceEntry is not exported, or the Sidecar does not take it in', () => {
    expect(severities(registry, healthy({ serviceEntries: entriesWith({ exportTo: ['.'] }) }))).toEqual([
      'error',
    ]);
    const sidecars = sidecarsWith({ egress: [{ hosts: ['./*', 'ledger-prod/*'] }] });
    expect(severities(registry, healthy({ sidecars }))).toEqual(['error']);
  });

  it('are found by wildcards', () => {
    expect(
      severities(registry, healthy({ serviceEntries: entriesWith({ hosts: ['*.example.com'] }) })),
    ).toEqual(['pass']);
  });

  it('that the target lists count as those that stable calls', () => {
    const requirements = { ...subjectWith().requirements, egressHosts: ['fraud.example.com'] };
    const [failure] = judged(registry, healthy({ subject: subjectWith({ requirements }) }));
    expect(failure?.['read']).toContain('fraud.example.com (the target lists it)');
  });

  it('block no rollout for certain when the mode is there and empty', () => {
    const sidecars = sidecarsWith({ outboundTrafficPolicy: {} });
    expect(severities(registry, healthy({ sidecars, serviceEntries: read([]) }))).toEqual(['warn']);
  });

  it('need no entry when the Sidecar allows any, whatever the mesh says, and need one when only the mesh speaks', () => {
    const any = sidecarsWith({ outboundTrafficPolicy: { mode: 'ALLOW_ANY' } });
    expect(severities(registry, healthy({ sidecars: any, serviceEntries: read([]) }))).toEqual(['skip']);
    const silent = sidecarsWith({ outboundTrafficPolicy: undefined });
    expect(severities(registry, healthy({ sidecars: silent, serviceEntries: read([]) }))).toEqual(['error']);
  });

  it('that nobody knows by name are a warning', () => {
    const callees = read([{ host: 'BlackHoleCluster', service: null, requestsPerSecond: 0.5 }]);
    const [failure] = judged(registry, healthy({ callees }));
    expect(failure).toMatchObject({
      severity: 'warn',
      read: 'v1 sends 0.5 requests a second to BlackHoleCluster: to hosts that nobody registered',
    });
  });
});

describe('Rules that hold for one version', () => {
  const virtualServices = (labels: Record<string, string>[], match = {}) =>
    read(
      parsed(
        objects.VirtualService,
        bank.virtualServices.map((one) =>
          one.metadata.name === 'card-network'
            ? {
                ...one,
                spec: {
                  hosts: ['api.cards.example.com'],
                  http: [
                    {
                      match: labels.map((sourceLabels) => ({ sourceLabels, ...match })),
                      route: [{ destination: { host: 'egress-gateway.istio-egress.svc.cluster.local' } }],
                    },
                  ],
                },
              }
            : one,
        ),
      ),
    );

  it('stop the rollout where a route to the egress gateway names the labels of stable', () => {
    expect(judged(pins, healthy({ virtualServices: virtualServices([{ version: 'v1' }]) }))).toMatchObject([
      {
        severity: 'error',
        read: 'VirtualService egress-prod/card-network (spec.http[0].match[0].sourceLabels) holds for version=v1: all pods of v1, no pod of v2',
        means:
          'calls to api.cards.example.com take this route from v1 and another from v2: past the egress gateway, or nowhere, as soon as v2 has the traffic',
        mend: 'let it hold for both versions: kubectl -n egress-prod edit virtualservice card-network; if it is meant for one version, waive PF-EG-02 with the reason',
        object: { kind: 'VirtualService', namespace: 'egress-prod', name: 'card-network' },
      },
    ]);
  });

  it('are none where both are named, or the rule is for another namespace or only for a gateway', () => {
    const both = virtualServices([{ version: 'v1' }, { version: 'v2' }]);
    const elsewhere = virtualServices([{ version: 'v1' }], { sourceNamespace: 'order-prod' });
    const gateway = virtualServices([{ version: 'v1' }], { gateways: ['egress-prod/egress-gateway'] });
    for (const one of [both, elsewhere, gateway]) {
      expect(severities(pins, healthy({ virtualServices: one }))).toEqual(['pass']);
    }
  });

  it.each([
    ['EnvoyFilter', { workloadSelector: { labels: only('v1') }, configPatches: [] }],
    ['Telemetry', { selector: { matchLabels: only('v1') }, metrics: [] }],
    ['RequestAuthentication', { selector: { matchLabels: only('v2') }, jwtRules: [] }],
    ['WasmPlugin', { selector: { matchLabels: only('v1') }, url: 'oci://registry.bank.example.com/filter' }],
  ])('are found in a %s', (kind, spec) => {
    const base = { ...named(bank.peerAuthentications[0], 'one-version'), kind, spec };
    const [failure, ...more] = judged(pins, healthy({ selectors: read(parsed(objects.Selecting, [base])) }));
    expect([failure?.result, failure?.['severity'], more]).toEqual(['fail', 'error', []]);
    expect(failure?.['mend']).toContain(`kubectl -n payment-prod patch ${kind.toLowerCase()} one-version`);
  });

  it('are found in a Sidecar, and a Sidecar for each version with the same settings is none', () => {
    const sidecar = (version: string) => ({
      ...named(bank.sidecars[0], `for-${version}`),
      spec: { ...bank.sidecars[0]?.spec, workloadSelector: { labels: only(version) } },
    });
    const sidecars = (...all: object[]) => read(parsed(objects.Sidecar, [...bank.sidecars.slice(1), ...all]));
    expect(severities(pins, healthy({ sidecars: sidecars(sidecar('v1')) }))).toEqual(['error']);
    expect(severities(pins, healthy({ sidecars: sidecars(sidecar('v1'), sidecar('v2')) }))).toEqual(['pass']);
  });
});

describe('NetworkPolicies', () => {
  const [base] = bank.networkPolicies;
  const policy = (name: string, spec: object, namespace = 'payment-prod') => ({
    ...named(base, name, namespace),
    spec: { ...base?.spec, ...spec },
  });
  const withPolicies = (...all: object[]) =>
    healthy({ networkPolicies: read(parsed(objects.NetworkPolicy, all)) });

  it('stop the rollout where one closes stable and leaves the canary open', () => {
    const [failure, ...more] = judged(
      networkPolicies,
      withPolicies(policy('stable-only', { podSelector: { matchLabels: only('v1') } })),
    );
    expect(more).toHaveLength(1);
    expect(failure).toMatchObject({
      severity: 'error',
      read: 'NetworkPolicy payment-prod/stable-only (Ingress) selects all pods of v1, no pod of v2',
      means:
        'nothing closes v2 in this direction: every pod may connect to v2, also those that v1 is closed to',
      mend: `let it select both versions: kubectl -n payment-prod patch networkpolicy stable-only --type=merge -p '{"spec":{"podSelector":{"matchLabels":{"version":null}}}}'; where the network does not enforce NetworkPolicies, waive PF-EG-03`,
    });
  });

  it('stop the rollout where another one closes the canary', () => {
    const deny = policy('deny', { podSelector: {}, ingress: [], egress: [] });
    const expression = { matchExpressions: [{ key: 'version', operator: 'NotIn', values: ['v2'] }] };
    const [failure] = judged(networkPolicies, withPolicies(deny, policy('let', { podSelector: expression })));
    expect(failure).toMatchObject({
      severity: 'error',
      means:
        'payment-prod/deny closes v2: what only payment-prod/let lets through works for v1, and for v2 it ends in timeouts (connections to its pods)',
    });
  });

  it('stop the rollout where a policy of what stable calls lets only stable in', () => {
    const from = [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'payment-prod' } },
        podSelector: { matchLabels: only('v1') },
      },
    ];
    const ledger = policy(
      'ledger',
      { policyTypes: ['Ingress'], ingress: [{ from }], egress: [] },
      'ledger-prod',
    );
    const [failure] = judged(networkPolicies, withPolicies(ledger));
    expect(failure).toMatchObject({
      severity: 'error',
      read: 'rule 1 (Ingress) of NetworkPolicy ledger-prod/ledger names all pods of v1, no pod of v2',
      path: 'spec.ingress[0].from',
    });
  });

  it('of each version with the same rules, or of another namespace, are no fault', () => {
    const each = ['v1', 'v2'].map((version) =>
      policy(version, { podSelector: { matchLabels: only(version) } }),
    );
    const other = policy('other', { podSelector: { matchLabels: only('v1') } }, 'order-prod');
    expect(severities(networkPolicies, withPolicies(...each, other))).toEqual(['pass']);
  });

  it('that the network does not enforce are waived, as nothing in the cluster says so', () => {
    const snapshot = withPolicies(policy('stable-only', { podSelector: { matchLabels: only('v1') } }));
    expect(judged(networkPolicies, snapshot)[0]?.['mend']).toMatch(
      /where the network does not enforce NetworkPolicies, waive PF-EG-03$/,
    );
    const waiver = { check: 'PF-EG-03', reason: 'flannel enforces none', until: noon + day };
    const rulings = rule(
      runChecks([networkPolicies], snapshot),
      { block: ['error'], waivers: [waiver] },
      noon,
    );
    expect(rulings.map(({ result, blocks }) => ({ result, blocks }))).toEqual(
      rulings.map(() => ({ result: 'fail', blocks: false })),
    );
  });

  it('are told of five times at most, the last with how many more there are', () => {
    const many = [1, 2, 3, 4, 5, 6, 7].map((number) =>
      policy(`stable-only-${number}`, {
        podSelector: { matchLabels: only('v1') },
        policyTypes: ['Ingress'],
        ingress: [{ from: [{ podSelector: { matchLabels: { app: `caller-${number}` } } }] }],
      }),
    );
    const found = judged(networkPolicies, withPolicies(...many));
    expect(found).toHaveLength(5);
    expect(found[4]?.['read']).toMatch(/ \(and 2 more like it\)$/);
  });

  it('are judged alike in any order and, with the versions swapped, at the same objects', () => {
    const selector = fc.constantFrom({}, { matchLabels: only('v1') }, { matchLabels: only('v2') });
    const rules = fc.constantFrom([], [{}], base?.spec.ingress ?? []);
    const all = fc.array(fc.record({ podSelector: selector, ingress: rules }), { maxLength: 5 });
    const { stable, canary } = subjectWith();
    const faults = (snapshot: Snapshot) =>
      judged(networkPolicies, snapshot).map((one) => [
        one.result,
        one['severity'],
        one['object'],
        one['path'],
      ]);
    fc.assert(
      fc.property(all, (specs) => {
        const policies = specs.map((spec, index) =>
          policy(`policy-${index}`, { ...spec, policyTypes: ['Ingress'] }),
        );
        const straight = withPolicies(...policies);
        expect(judged(networkPolicies, withPolicies(...policies.toReversed()))).toEqual(
          judged(networkPolicies, straight),
        );
        expect(faults({ ...straight, subject: subjectWith({ stable: canary, canary: stable }) })).toEqual(
          faults(straight),
        );
      }),
      { numRuns: 100, seed: 6 },
    );
  });
});

describe('The egress gateway', () => {
  const unreadyGateway = bank.deployments.map((one) =>
    one.metadata.name === 'egress-gateway' ? { ...one, status: { ...one.status, readyReplicas: 0 } } : one,
  );
  const withoutGateway = bank.deployments.filter(({ metadata }) => metadata.name !== 'egress-gateway');

  it('is a warning without ready pods', () => {
    const deployments = read(parsed(objects.Deployment, unreadyGateway));
    expect(judged(egressGateway, healthy({ deployments }))).toMatchObject([
      {
        severity: 'warn',
        read: 'Gateway egress-prod/egress-gateway has 0 ready pods in istio-egress/egress-gateway',
        means:
          'no call of v2 through it leaves the mesh; nor does one of stable, so its errors say nothing about the canary',
        mend: 'see why: kubectl -n istio-egress get deployment egress-gateway -o yaml',
      },
    ]);
  });

  it('is a warning when its certificate ends within 7 days of the deadline, and unknown when it cannot be read', () => {
    const certificate = { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client' };
    const ending = (notAfter: number) =>
      healthy({ gatewayCertificates: read([{ ...certificate, notAfter }]) });
    const deadline = noon + 7_200_000;
    expect(severities(egressGateway, ending(deadline + 7 * day))).toEqual(['pass']);
    expect(severities(egressGateway, ending(deadline + 7 * day - 1))).toEqual(['warn']);
    const hidden = healthy({
      gatewayCertificates: read([{ ...certificate, why: 'Secrets are never read' }]),
    });
    expect(severities(egressGateway, hidden)).toEqual(['unknown']);
    expect(severities(egressGateway, healthy({ gatewayCertificates: read([]) }))).toEqual(['unknown']);
  });

  it('is not judged by the end of a certificate that renews itself, unless the renewal did not come', () => {
    const certificate = { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client' };
    const renewing = (renewsAt: number) =>
      healthy({ gatewayCertificates: read([{ ...certificate, notAfter: noon + 2 * day, renewsAt }]) });
    expect(severities(egressGateway, renewing(noon + day))).toEqual(['pass']);
    expect(judged(egressGateway, renewing(noon - day))).toMatchObject([
      {
        severity: 'warn',
        read: 'the certificate cards-client of Gateway egress-prod/egress-gateway ends on 2026-11-25, before 2026-11-30 (the deadline of the rollout and 7 days); its renewal was due on 2026-11-22',
      },
    ]);
  });

  describe('of several that stable needs', () => {
    const [, card] = bank.virtualServices;
    const [gateway] = bank.gateways;
    const second = {
      virtualServices: read(
        parsed(objects.VirtualService, [
          ...bank.virtualServices,
          {
            ...named(card, 'credit-bureau', 'egress-prod'),
            spec: {
              ...card?.spec,
              hosts: ['api.bureau.example.com'],
              gateways: ['mesh', 'egress-prod/second-gateway'],
            },
          },
        ]),
      ),
      gateways: read(
        parsed(objects.Gateway, [
          ...bank.gateways,
          {
            ...named(gateway, 'second-gateway', 'egress-prod'),
            spec: { ...gateway?.spec, selector: { istio: 'second-egress' } },
          },
        ]),
      ),
      callees: read([
        { host: 'api.cards.example.com', service: null, requestsPerSecond: 40 },
        { host: 'api.bureau.example.com', service: null, requestsPerSecond: 2 },
      ]),
    };
    const deployed = (readyReplicas: number) => {
      const labels = { app: 'second-egress', istio: 'second-egress' };
      const own = bank.deployments.find(({ metadata }) => metadata.name === 'egress-gateway');
      const other = {
        ...named(own, 'second-egress', 'istio-egress'),
        spec: { ...own?.spec, template: { ...own?.spec.template, metadata: { labels, annotations: {} } } },
        status: { replicas: 2, readyReplicas },
      };
      return read(parsed(objects.Deployment, [...bank.deployments, other]));
    };
    const certificates = (days: number) =>
      read([
        { gateway: 'egress-prod/egress-gateway', credentialName: 'cards-client', notAfter: noon + 200 * day },
        {
          gateway: 'egress-prod/second-gateway',
          credentialName: 'cards-client',
          notAfter: noon + days * day,
        },
      ]);

    it('each is looked at, and only the one at fault is named', () => {
      const fine = healthy({ ...second, deployments: deployed(2), gatewayCertificates: certificates(90) });
      expect(judged(egressGateway, fine)).toMatchObject([
        {
          result: 'pass',
          read: expect.stringMatching(/^egress-prod\/egress-gateway, egress-prod\/second-gateway: /),
        },
      ]);
      const ill = healthy({ ...second, deployments: deployed(0), gatewayCertificates: certificates(1) });
      expect(judged(egressGateway, ill).map((one) => one['read'])).toEqual([
        'Gateway egress-prod/second-gateway has 0 ready pods in istio-egress/second-egress',
        'the certificate cards-client of Gateway egress-prod/second-gateway ends on 2026-11-24, before 2026-11-30 (the deadline of the rollout and 7 days)',
      ]);
    });
  });

  it('is unknown when no Deployment of it was read, and fine when it is shared from another cluster', () => {
    const deployments = read(parsed(objects.Deployment, withoutGateway));
    expect(severities(egressGateway, healthy({ deployments }))).toEqual(['unknown']);
    const shared = {
      ...named(bank.serviceEntries[0], 'shared-gateway', 'egress-prod'),
      spec: {
        ...bank.serviceEntries[0]?.spec,
        location: 'MESH_INTERNAL',
        hosts: ['egress-gateway.istio-egress.svc.cluster.local'],
      },
    };
    const serviceEntries = read(parsed(objects.ServiceEntry, [...bank.serviceEntries, shared]));
    expect(severities(egressGateway, healthy({ deployments, serviceEntries }))).toEqual(['pass']);
  });

  it('does not apply when nothing that stable calls leaves through one', () => {
    expect(severities(egressGateway, healthy({ callees: read([]) }))).toEqual(['skip']);
  });
});
