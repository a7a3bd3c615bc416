import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allChecks } from '../../src/readiness/all-checks.ts';
import { notAsked } from '../../src/readiness/snapshot.ts';
import { type ClusterFacts, clusterFacts } from '../../src/readiness/sources.ts';
import { factsFor } from '../../src/rollout/inspect.ts';
import { readSurroundings } from '../../src/traffic/surroundings.ts';
import * as bank from '../readiness/bank-objects.ts';
import { type Bank, startBank, store, target } from './bank-api-server.ts';

let made: Bank;
const signal = AbortSignal.timeout(60_000);

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

type Name = keyof ClusterFacts;

/** Reads these facts, and tells what was asked of the API server: what, and where if not everywhere. */
async function asked(...wanted: readonly Name[]): Promise<{ facts: ClusterFacts; calls: string[] }> {
  const question = { target, callees: ['ledger-prod'], callers: [], wanted: new Set(wanted) };
  const facts = await readSurroundings(made.source, question, signal);
  return { facts, calls: made.server.requests.map(shortened).toSorted() };
}

function shortened(request: string): string {
  const [path = ''] = request.replace(/^\w+ \/(api\/v1|apis\/[^/]+)\/?/, '').split('?');
  return path.replace(/^v[^/]+\//, '').replace('namespaces/', '');
}

const meshConfig = ['istio-system/configmaps/istio', 'istio-system/configmaps/istio-sidecar-injector'];
/** Where no pod tells, with the namespace whose label says which installation of Istio it follows, and what runs. */
const root = [...meshConfig, 'payment-prod', 'istio-system/deployments'];

function among(plural: string, ...namespaces: string[]): string[] {
  return namespaces.map((one) => `${one}/${plural}`);
}

const policies = [...root, ...among('authorizationpolicies', 'istio-system', 'ledger-prod', 'payment-prod')];
const gatewayApi = (plural: string) => [plural, plural];

/** What each fact costs alone. */
const costs: Record<Name, readonly string[]> = {
  meshConfig: root,
  proxyVersions: among('deployments', 'istio-system'),
  namespaces: [...root, 'istio-system', 'ledger-prod'],
  virtualServices: ['virtualservices'],
  movedVirtualServices: among('virtualservices/payment-service', 'payment-prod'),
  destinationRules: ['destinationrules'],
  gateways: ['gateways'],
  serviceEntries: ['serviceentries'],
  sidecars: ['sidecars'],
  authorizationPolicies: policies,
  peerAuthentications: [...root, ...among('peerauthentications', 'istio-system', 'payment-prod')],
  selectors: [
    ...root,
    ...['envoyfilters', 'requestauthentications', 'telemetries', 'wasmplugins'].flatMap((plural) =>
      among(plural, 'istio-system', 'payment-prod'),
    ),
  ],
  networkPolicies: among('networkpolicies', 'payment-prod'),
  services: among('services', 'payment-prod'),
  endpoints: among('endpointslices', 'payment-prod'),
  pods: among('pods', 'payment-prod'),
  deployments: among('deployments', 'payment-prod'),
  autoscalers: among('horizontalpodautoscalers', 'payment-prod'),
  gitOpsApplications: ['applications'],
  otherCanaries: ['canaries', 'rollouts'],
  serviceAccounts: [...policies, ...among('serviceaccounts', 'istio-system', 'order-prod', 'payment-prod')],
  // The bank has no Gateway API: each version is tried.
  httpRoutes: gatewayApi('httproutes'),
  kubernetesGateways: gatewayApi('gateways'),
  rights: Array.from({ length: 5 }, () => 'selfsubjectaccessreviews'),
  servedVersions: [''],
  rootCertificates: among('configmaps/istio-ca-root-cert', 'payment-prod'),
  gatewayCertificates: ['gateways', 'deployments', ...among('certificates', 'istio-egress')],
};

describe('what is wanted of the surroundings', () => {
  it.each(clusterFacts)('is asked for, and nothing else: %s', async (name) => {
    const { facts, calls } = await asked(name);
    expect([...new Set(calls)]).toEqual([...new Set(costs[name])].toSorted());
    expect(calls.length).toBe(costs[name].length);
    expect(facts[name]).toMatchObject({ kind: 'read' });
    const others = Object.entries(facts).filter(([other]) => other !== name);
    expect(others.map(([, fact]) => fact)).toEqual(others.map(() => notAsked));
  });

  it('costs no call at all where it is nothing', async () => {
    expect((await asked()).calls).toEqual([]);
  });

  it('before a raise takes eight calls, and of VirtualServices reads those that it moves', async () => {
    const needed = factsFor(allChecks.filter(({ again }) => again));
    const { facts, calls } = await asked(...clusterFacts.filter((name) => needed.has(name)));
    expect(calls).toEqual(
      [
        // Injected pods tell whose proxies they have.
        ...meshConfig,
        'payment-prod/virtualservices/payment-service',
        'destinationrules',
        ...['deployments', 'endpointslices', 'horizontalpodautoscalers', 'pods'].flatMap((plural) =>
          among(plural, 'payment-prod'),
        ),
      ].toSorted(),
    );
    const read = clusterFacts.filter((name) => facts[name].kind === 'read');
    expect(read).toEqual(clusterFacts.filter((name) => needed.has(name)));
  });

  it('by a preflight is everything, and what several facts are made of is asked for once', async () => {
    const { facts, calls } = await asked(...clusterFacts);
    expect(clusterFacts.filter((name) => facts[name].kind !== 'read')).toEqual([]);
    const onceEach = calls.filter((one) => !/^(gateways|httproutes|selfsubject.*)$/.test(one));
    expect(onceEach).toEqual([...new Set(onceEach)]);
    expect(calls.length).toBeLessThanOrEqual(60);
  });
});

describe('the namespaces of callers', () => {
  const namesOf = async (callers: string[]) => {
    const question = { target, callees: [], callers, wanted: new Set(['namespaces'] as const) };
    const { namespaces } = await readSurroundings(made.source, question, signal);
    if (namespaces.kind === 'unread') throw new Error(namespaces.why);
    expect(namespaces).not.toHaveProperty('gaps');
    return namespaces.value.map(({ metadata }) => metadata.name);
  };
  const called = (name: string) => made.server.requests.filter((one) => one.includes(`/${name}`)).length;

  it('are read, each once, as long as they are not too many', async () => {
    const others = Array.from({ length: 30 }, (_, index) => `shop-${index}`);
    expect(await namesOf(['payment-prod', 'order-prod', ...others])).toContain('order-prod');
    expect(called('namespaces/payment-prod')).toBe(1);
    expect(called('namespaces/shop-')).toBe(19);
  });

  it('are no gap where canaryd may not read them: one check asks, and says so itself', async () => {
    made.forbidden = ({ name }) => name === 'order-prod';
    expect(await namesOf(['order-prod'])).toEqual(['payment-prod', 'istio-system']);
  });
});

describe('the Deployments behind Gateways', () => {
  const gateway = (name: string, istio: string) => ({
    metadata: { namespace: 'edge', name },
    spec: {
      selector: { istio },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    },
  });
  const many = Array.from({ length: 14 }, (_, index) => gateway(`gw-${index}`, `ingress-${index}`));
  const selected = () =>
    made.server.requests.flatMap((one) => {
      const selector = /labelSelector=([^&]+)/.exec(one)?.[1];
      return one.includes('/deployments') && selector ? [decodeURIComponent(selector)] : [];
    });
  const naming = (gateways: string[]) =>
    store(
      made,
      'virtualservices',
      bank.virtualServices.map((one) =>
        one.metadata.name === 'payment-service' ? { ...one, spec: { ...one.spec, gateways } } : one,
      ),
    );

  it('are looked for first where the routes of the target hold, then where calls leave the mesh', async () => {
    store(made, 'gateways', [...many, gateway('out', 'egressgateway')]);
    naming(['mesh', 'edge/gw-13']);
    const { facts } = await asked('deployments', 'gateways', 'virtualServices');
    expect(selected()).toHaveLength(10);
    expect(selected()).toEqual(expect.arrayContaining(['istio=ingress-13', 'istio=egressgateway']));
    expect(facts.deployments).not.toHaveProperty('gaps');
  });

  it('are a gap, with the names of the Gateways, where there are too many of these', async () => {
    store(made, 'gateways', many);
    naming(many.map(({ metadata }) => `edge/${metadata.name}`));
    const { facts } = await asked('deployments', 'gateways', 'virtualServices');
    expect(facts.deployments).toMatchObject({
      gaps: [
        'those of the pods of edge/gw-10, edge/gw-11, edge/gw-12, edge/gw-13 were not looked for: Gateways have more than 10 selectors',
      ],
    });
  });

  it('are looked for where Gateways are wanted, too, and then alone', async () => {
    expect((await asked('deployments')).calls).toEqual(['payment-prod/deployments']);
    made.server.requests.length = 0;
    const { calls } = await asked('deployments', 'gateways');
    expect(calls).toEqual(['deployments', 'gateways', 'payment-prod/deployments']);
  });
});

describe('the root namespace', () => {
  it('is asked for where a list of all namespaces is refused, for it is one of those that are left', async () => {
    made.forbidden = ({ plural, namespace }) => plural === 'virtualservices' && namespace === null;
    const { calls } = await asked('virtualServices');
    expect(calls).toEqual(expect.arrayContaining([...root, 'istio-system/virtualservices']));
  });
});
