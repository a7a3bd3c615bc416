import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as objects from '../../src/readiness/objects.ts';
import type { ClusterFacts } from '../../src/readiness/sources.ts';
import { connectKube } from '../../src/traffic/kube.ts';
import { readSurroundings, surroundingsOf } from '../../src/traffic/surroundings.ts';
import * as bank from '../readiness/bank-objects.ts';
import { healthy, parsed, read } from '../readiness/healthy.ts';
import {
  type Asked,
  type Bank,
  everythingAbout,
  networking,
  rootExpiry,
  startBank,
  store,
  target,
} from './bank-api-server.ts';
import { json, text } from './tiny-api-server.ts';

let made: Bank;
const signal = AbortSignal.timeout(60_000);
const everything = everythingAbout(target, ['ledger-prod']);

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

function surroundings(callees: readonly string[] = ['ledger-prod']): Promise<ClusterFacts> {
  return readSurroundings(made.source, everythingAbout(target, callees), signal);
}

/** What is read of an object that is not moved: nobody asks who wrote it. */
function light(all: readonly { metadata: object }[]): object[] {
  return all.map((one) => ({ ...one, metadata: { ...one.metadata, managedFields: undefined } }));
}

/** As they are in a list of Kubernetes' own, which names no version of its items. */
function inList(all: readonly { metadata: object }[]): object[] {
  return light(all).map((one) => ({ ...one, apiVersion: undefined }));
}

function accountsIn(...namespaces: string[]): object[] {
  return namespaces.flatMap((one) => bank.serviceAccounts.filter(({ namespace }) => namespace === one));
}

function isList(asked: Asked, plural: string, namespace: string | null): boolean {
  return asked.plural === plural && asked.namespace === namespace && asked.name === null;
}

function namesIn(fact: ClusterFacts['virtualServices' | 'authorizationPolicies' | 'sidecars']): string[] {
  if (fact.kind === 'unread') throw new Error(fact.why);
  return fact.value.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

describe('the surroundings of a target', () => {
  it('are read whole, each fact in the form in which the checks know it', async () => {
    const facts = await surroundings();
    const { meshConfig, proxyVersions, selectors, gitOpsApplications, otherCanaries } = healthy();
    expect(facts).toMatchObject({ meshConfig, proxyVersions, selectors, gitOpsApplications, otherCanaries });
    expect(facts.destinationRules).toEqual(
      read(parsed(objects.DestinationRule, light(bank.destinationRules))),
    );
    expect(facts.gateways).toEqual(read(parsed(objects.Gateway, light(bank.gateways))));
    expect(facts.serviceEntries).toEqual(read(parsed(objects.ServiceEntry, light(bank.serviceEntries))));
    expect(facts.sidecars).toEqual(read(parsed(objects.Sidecar, light(bank.sidecars))));
    expect(facts.authorizationPolicies).toEqual(
      read(parsed(objects.AuthorizationPolicy, light(bank.authorizationPolicies))),
    );
    expect(facts.peerAuthentications).toEqual(
      read(parsed(objects.PeerAuthentication, light(bank.peerAuthentications))),
    );
    expect(facts.rootCertificates).toEqual(
      read([{ subject: 'O=Bank, CN=Bank Mesh Root CA', notAfter: rootExpiry }]),
    );
    expect(facts.serviceAccounts).toEqual(read(accountsIn('payment-prod', 'istio-system', 'order-prod')));
    expect([facts.httpRoutes, facts.kubernetesGateways]).toEqual([read([]), read([])]);
  });

  it('have the kind even where the API server leaves it out of its lists', async () => {
    const facts = await surroundings();
    expect(facts.networkPolicies).toEqual(read(inList(bank.networkPolicies)));
    expect(facts.services).toEqual(read(inList(bank.services)));
    expect(facts.endpoints).toEqual(read(inList(bank.endpoints)));
    expect(facts.pods).toEqual(read(inList(bank.pods)));
    expect(facts.deployments).toEqual(read(inList(bank.deployments)));
    expect(facts.autoscalers).toEqual(read(inList(bank.autoscalers)));
  });

  it('tell who wrote the VirtualService that is moved, and of others nothing that is only large', async () => {
    const [own, other] = bank.virtualServices;
    const applied = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', team: 'payments' };
    store(made, 'virtualservices', [
      own ?? {},
      { ...other, metadata: { ...other?.metadata, annotations: applied } },
    ]);
    const { virtualServices, movedVirtualServices } = await surroundings();
    expect(movedVirtualServices).toMatchObject({
      kind: 'read',
      value: [
        { metadata: { name: 'payment-service', managedFields: [{ manager: 'kubectl-client-side-apply' }] } },
      ],
    });
    expect(virtualServices).toMatchObject({
      kind: 'read',
      value: [
        { metadata: { name: 'payment-service' } },
        { metadata: { name: 'card-network', annotations: { team: 'payments' } } },
      ],
    });
    expect(JSON.stringify(virtualServices)).not.toContain('last-applied');
    expect(JSON.stringify(virtualServices)).not.toContain('managedFields');
  });

  it('hold the VirtualServices that are moved, whatever may be listed and whatever others wrote', async () => {
    const [own, other] = bank.virtualServices;
    store(made, 'virtualservices', [own ?? {}, { ...other, spec: { http: 'broken' } }]);
    const moved = read(parsed(objects.VirtualService, [own]));
    const partly = await surroundings();
    expect(partly.virtualServices).toMatchObject({ kind: 'read', gaps: [expect.stringMatching(/http/)] });
    expect(partly.movedVirtualServices).toEqual(moved);
    made.forbidden = ({ plural, name }) => plural === 'virtualservices' && name === null;
    expect((await surroundings()).movedVirtualServices).toEqual(moved);
  });

  it('say which of the VirtualServices that are moved could not be read, and leave out what is not there', async () => {
    made.forbidden = ({ plural, name }) => plural === 'virtualservices' && name !== null;
    expect((await surroundings()).movedVirtualServices).toEqual({
      kind: 'unread',
      why: 'canaryd may not read the VirtualService payment-prod/payment-service',
      mend: 'add to the Role of canaryd in the namespace payment-prod: - {apiGroups: ["networking.istio.io"], resources: [virtualservices], resourceNames: [payment-service], verbs: [get]}',
    });
    made.forbidden = () => false;
    store(made, 'virtualservices', []);
    expect((await surroundings()).movedVirtualServices).toEqual(read([]));
  });

  it('are those of the namespaces that matter: its services, what they call, and the root of the mesh', async () => {
    const facts = await surroundings(['ledger-prod']);
    expect(facts.namespaces).toMatchObject({
      value: ['payment-prod', 'ledger-prod', 'istio-system'].map((name) => ({ metadata: { name } })),
    });
    const places = (plural: string) =>
      made.server.requests.flatMap(
        (one) => new RegExp(`/namespaces/([^/]+)/${plural}\\?`).exec(one)?.[1] ?? [],
      );
    expect(places('authorizationpolicies')).toEqual(['payment-prod', 'ledger-prod', 'istio-system']);
    expect(places('peerauthentications')).toEqual(['payment-prod', 'istio-system']);
    expect(places('pods')).toEqual(['payment-prod']);
  });

  it('hold the Deployments behind Gateways, and no gap where canaryd may not list those', async () => {
    const namesOf = ({ deployments }: ClusterFacts) =>
      deployments.kind === 'read' && deployments.value.map(({ metadata }) => metadata.name);
    const own = ['payment-service-v1', 'payment-service-v2'];
    expect(namesOf(await surroundings())).toEqual([...own, 'egress-gateway']);
    made.forbidden = (asked) => isList(asked, 'deployments', null);
    const facts = await surroundings();
    expect(namesOf(facts)).toEqual(own);
    expect(facts.deployments).not.toHaveProperty('gaps');
  });

  it('name the versions of the API that are served', async () => {
    expect((await surroundings()).servedVersions).toEqual(read(['v1', 'v1alpha3']));
    made.stored = made.stored.filter(({ api }) => !api.includes('networking.istio.io'));
    expect((await surroundings()).servedVersions).toEqual(read([]));
  });

  it('never ask for a Secret', async () => {
    const { gatewayCertificates } = await surroundings();
    expect(gatewayCertificates).toMatchObject({
      value: [{ why: expect.stringContaining('it is in a Secret, which canaryd never reads') }],
    });
    expect(made.server.requests.filter((one) => one.includes('secret'))).toEqual([]);
  });

  it('ask at most eight things at a time of one API server, however many ask', async () => {
    const { turns, readers } = surroundingsOf(made.source);
    const all = await Promise.all([turns, readers, turns].map((ask) => ask(everything, signal)));
    expect(all.map(({ pods }) => pods.kind)).toEqual(['read', 'read', 'read']);
    expect(made.busiest()).toBeGreaterThan(2);
    expect(made.busiest()).toBeLessThanOrEqual(8);
  });

  it('are read for a turn however many people ask, and hang', async () => {
    const ending = new AbortController();
    const { turns, readers } = surroundingsOf(made.source);
    made.instead = () => true;
    const asking = [1, 2, 3, 4, 5, 6, 7, 8].map(() => readers(everything, ending.signal));
    await expect.poll(() => made.server.requests.length).toBe(4);
    made.instead = () => false;
    const { pods } = await turns(everything, signal);
    expect(pods.kind).toBe('read');
    ending.abort();
    await Promise.all(asking);
  });

  it('that wait in the queue when their time is up are answered then, as late, and are not asked for', async () => {
    made.instead = () => true;
    const { turns } = surroundingsOf(made.source);
    const hanging = new AbortController();
    const first = [1, 2, 3, 4, 5, 6, 7, 8].map(() => turns(everything, hanging.signal));
    await expect.poll(() => made.server.requests.length).toBe(8);
    const ending = new AbortController();
    const waiting = turns(everything, ending.signal);
    ending.abort();
    const { services } = await waiting;
    expect(services).toEqual({
      kind: 'unread',
      why: 'Services of payment-prod could not be listed: the time for the call was up',
      mend: 'ask again when the API server answers; if it does not, look at it',
    });
    expect(made.server.requests).toHaveLength(8);
    hanging.abort();
    await Promise.all(first);
  });
});

describe('what canaryd may not list', () => {
  it('in one of several namespaces is a gap, and the others stay', async () => {
    made.forbidden = (asked) => isList(asked, 'authorizationpolicies', 'ledger-prod');
    const { authorizationPolicies } = await surroundings();
    expect(authorizationPolicies).toMatchObject({
      kind: 'read',
      gaps: ['canaryd may not list AuthorizationPolicies in ledger-prod'],
    });
    expect(namesIn(authorizationPolicies)).toEqual([
      'payment-prod/default-deny',
      'payment-prod/allow-orders',
    ]);
  });

  it('in the only namespace is unread, with the line of the Role that is missing', async () => {
    made.forbidden = (asked) => isList(asked, 'networkpolicies', 'payment-prod');
    expect((await surroundings()).networkPolicies).toEqual({
      kind: 'unread',
      why: 'canaryd may not list NetworkPolicies in payment-prod',
      mend: 'add to the Role of canaryd in the namespace payment-prod: - {apiGroups: ["networking.k8s.io"], resources: [networkpolicies], verbs: [list]}',
    });
  });

  it('in all namespaces is listed in those that are known, which says so', async () => {
    made.forbidden = (asked) => isList(asked, 'sidecars', null);
    const { sidecars } = await surroundings();
    expect(sidecars).toMatchObject({
      gaps: [
        'canaryd may not list Sidecars of all namespaces: only those of payment-prod, ledger-prod, istio-system were',
      ],
    });
    expect(namesIn(sidecars)).toEqual(['payment-prod/default']);
  });

  it('anywhere is unread, with the line of the ClusterRole that is missing', async () => {
    made.forbidden = ({ plural }) => plural === 'virtualservices';
    expect((await surroundings([])).virtualServices).toEqual({
      kind: 'unread',
      why: 'canaryd may not list VirtualServices of all namespaces; canaryd may not list VirtualServices in payment-prod; canaryd may not list VirtualServices in istio-system',
      mend: 'add to the ClusterRole of canaryd: - {apiGroups: ["networking.istio.io"], resources: [virtualservices], verbs: [list]}',
    });
  });

  it('is nothing at all where the cluster does not even serve the kind', async () => {
    made.forbidden = ({ api }) => api.startsWith('apis/argoproj.io') || api.startsWith('apis/flagger.app');
    const { gitOpsApplications, otherCanaries } = await surroundings();
    expect([gitOpsApplications, otherCanaries]).toEqual([read([]), read([])]);
  });

  it('is unknown where another kind of the same group is served', async () => {
    made.stored.push({ api: 'apis/argoproj.io/v1alpha1', plural: 'applications', objects: [] });
    made.forbidden = ({ api }) => api.startsWith('apis/argoproj.io');
    const { gitOpsApplications, otherCanaries } = await surroundings();
    expect(gitOpsApplications).toMatchObject({
      kind: 'unread',
      why: expect.stringContaining('canaryd may not list Applications of all namespaces'),
    });
    expect(otherCanaries).toEqual(read([]));
  });

  it('is unknown where canaryd may not even ask what is served', async () => {
    made.forbidden = ({ api }) => api.startsWith('apis/flagger.app');
    made.instead = ({ api, plural }, response) => {
      if (!api.startsWith('apis/flagger.app') || plural !== '') return false;
      json(response, 403, { kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden' });
      return true;
    };
    expect((await surroundings()).otherCanaries).toEqual({
      kind: 'read',
      value: [],
      gaps: [expect.stringContaining('canaryd may not list Canaries of all namespaces')],
    });
  });

  it('is read by its name where it is a namespace', async () => {
    made.forbidden = ({ plural, name }) => plural === 'namespaces' && name === 'istio-system';
    const { namespaces } = await surroundings();
    expect(namespaces).toMatchObject({
      value: [{ metadata: { name: 'payment-prod' } }, { metadata: { name: 'ledger-prod' } }],
      gaps: ['canaryd may not read the Namespace istio-system'],
    });
  });
});

describe('what a cluster does not serve', () => {
  it('is an empty list: no Argo CD, no Flagger', async () => {
    const { gitOpsApplications, otherCanaries } = await surroundings();
    expect([gitOpsApplications, otherCanaries]).toEqual([read([]), read([])]);
  });

  it('in the newest version is read in an older one', async () => {
    made.stored = made.stored.map((one) =>
      one.api === networking ? { ...one, api: 'apis/networking.istio.io/v1beta1' } : one,
    );
    expect(namesIn((await surroundings()).virtualServices)).toHaveLength(2);
  });
});

describe('what the Gateway API moves', () => {
  const api = (version: string) => `apis/gateway.networking.k8s.io/${version}`;
  const route = {
    metadata: { name: 'payment', namespace: 'payment-prod', generation: 2 },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'payment-service' }],
      rules: [{ backendRefs: [{ name: 'payment-service', port: 80, weight: 1 }] }],
    },
    status: {
      parents: [
        {
          parentRef: { group: '', kind: 'Service', name: 'payment-service' },
          controllerName: 'istio.io/gateway-controller',
          conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 2 }],
        },
      ],
    },
  };
  const waypoint = {
    metadata: { name: 'waypoint', namespace: 'payment-prod' },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }],
    },
    status: { conditions: [{ type: 'Programmed', status: 'True' }] },
  };
  const serve = (version: string) =>
    made.stored.push(
      { api: api(version), plural: 'httproutes', objects: [route] },
      { api: api(version), plural: 'gateways', objects: [waypoint] },
    );

  it.each(['v1', 'v1beta1'])('is read with what its controller says of it, in %s', async (version) => {
    serve(version);
    const { httpRoutes, kubernetesGateways, gateways } = await surroundings();
    expect(httpRoutes).toEqual(read([{ kind: 'HTTPRoute', ...route }]));
    expect(kubernetesGateways).toEqual(read([{ kind: 'Gateway', ...waypoint }]));
    expect(gateways).toEqual(read(parsed(objects.Gateway, light(bank.gateways))));
  });

  it('is listed in the known namespaces where canaryd may not list it everywhere', async () => {
    serve('v1');
    made.forbidden = (asked) => asked.api === api('v1') && asked.namespace === null;
    const { httpRoutes, kubernetesGateways } = await surroundings([]);
    expect(httpRoutes).toMatchObject({
      value: [{ metadata: { name: 'payment' } }],
      gaps: [
        'canaryd may not list HTTPRoutes of all namespaces: only those of payment-prod, istio-system were',
      ],
    });
    expect(kubernetesGateways).toMatchObject({
      value: [{ metadata: { name: 'waypoint' } }],
      gaps: [
        'canaryd may not list Gateways (gateway.networking.k8s.io) of all namespaces: only those of payment-prod, istio-system were',
      ],
    });
  });

  it('is nothing where the cluster does not serve it', async () => {
    made.forbidden = (asked) => asked.api.startsWith('apis/gateway.networking.k8s.io');
    const { httpRoutes, kubernetesGateways } = await surroundings();
    expect([httpRoutes, kubernetesGateways]).toEqual([read([]), read([])]);
  });
});

describe('what other tools own', () => {
  const metadata = { name: 'payments', namespace: 'argocd' };

  it('is read of Argo CD without its history', async () => {
    const resources = [{ kind: 'VirtualService', namespace: 'payment-prod', name: 'payment-service' }];
    const spec = { syncPolicy: { automated: { selfHeal: true } } };
    made.stored.push({
      api: 'apis/argoproj.io/v1alpha1',
      plural: 'applications',
      objects: [{ kind: 'Application', metadata, spec, status: { resources, history: [{ id: 1 }] } }],
    });
    expect((await surroundings()).gitOpsApplications).toEqual(
      read([{ kind: 'Application', metadata, spec, status: { resources } }]),
    );
  });

  it('is read of Argo CD in its own namespace where canaryd may not list it elsewhere', async () => {
    made.stored.push({
      api: 'apis/argoproj.io/v1alpha1',
      plural: 'applications',
      objects: [{ kind: 'Application', metadata, spec: {} }],
    });
    made.forbidden = ({ plural, namespace }) => plural === 'applications' && namespace !== 'argocd';
    const { gitOpsApplications } = await surroundings([]);
    expect(gitOpsApplications).toMatchObject({
      value: [{ metadata }],
      gaps: [
        'canaryd may not list Applications of all namespaces: only those of payment-prod, istio-system, argocd were',
        'canaryd may not list Applications in payment-prod',
        'canaryd may not list Applications in istio-system',
      ],
    });
  });

  it('is read of Flagger and Argo Rollouts together', async () => {
    const canary = { metadata: { name: 'a', namespace: 'b' }, spec: { targetRef: { name: 'payment' } } };
    const rollout = { metadata: { name: 'c', namespace: 'd' }, spec: { strategy: { canary: {} } } };
    made.stored.push(
      { api: 'apis/flagger.app/v1beta1', plural: 'canaries', objects: [canary] },
      { api: 'apis/argoproj.io/v1alpha1', plural: 'rollouts', objects: [rollout] },
    );
    expect((await surroundings()).otherCanaries).toEqual(
      read([
        { kind: 'Canary', ...canary },
        { kind: 'Rollout', ...rollout },
      ]),
    );
  });

  it('and selects workloads is read with its kind', async () => {
    const telemetry = { metadata: { name: 'all', namespace: 'payment-prod' }, spec: {} };
    store(made, 'telemetries', [telemetry]);
    expect((await surroundings()).selectors).toEqual(read([{ kind: 'Telemetry', ...telemetry }]));
  });
});

describe('an answer that nobody can use', () => {
  it('is told of where it is one object of a list, and the others stay', async () => {
    store(made, 'authorizationpolicies', [
      ...bank.authorizationPolicies.slice(0, 1),
      { metadata: { name: 'x', namespace: 'payment-prod' }, spec: { rules: [{ from: 'everybody' }] } },
    ]);
    const { authorizationPolicies } = await surroundings();
    expect(authorizationPolicies).toMatchObject({
      kind: 'read',
      gaps: ['AuthorizationPolicy payment-prod/x: spec.rules[0].from is not understood'],
    });
    expect(namesIn(authorizationPolicies)).toEqual(['payment-prod/default-deny']);
  });

  it.each<[string, (response: Parameters<Bank['instead']>[1]) => void, string]>([
    ['no list', (response) => json(response, 200, { kind: 'Status' }), 'answer is not readable: items'],
    ['a page of HTML', (response) => text(response, 200, '<html>', 'text/html'), 'something that is no JSON'],
    ['a failure', (response) => text(response, 503, 'later'), 'answered 503'],
    ['a body that breaks off', breakOff, 'the connection to the API server failed'],
    ['too large', (response) => text(response, 200, 'x'.repeat(32_000_001)), 'larger than 32000000 bytes'],
  ])('is unread where it is %s', async (_name, give, why) => {
    made.instead = (asked, response) => {
      const isMeant = isList(asked, 'pods', 'payment-prod');
      if (isMeant) give(response);
      return isMeant;
    };
    const facts = await surroundings();
    expect(facts.pods).toMatchObject({ kind: 'unread', why: expect.stringContaining(why) });
    expect(facts.pods).toMatchObject({
      why: expect.stringMatching(/^Pods of payment-prod could not be listed: /),
    });
    expect(facts.deployments.kind).toBe('read');
  });
});

function breakOff(response: Parameters<Bank['instead']>[1]): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"items":[', () => response.destroy());
}

describe('a list that is large', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      metadata: { name: `payment-${index}`, namespace: 'payment-prod' },
      spec: { containers: [] },
    }));

  it('is read page by page', async () => {
    store(made, 'pods', many(250));
    const { pods } = await surroundings();
    expect(pods.kind === 'read' && pods.value.map(({ metadata }) => metadata.name)).toEqual(
      many(250).map(({ metadata }) => metadata.name),
    );
    expect(
      made.server.requests.filter((one) => one.includes('/pods?')).map((one) => one.split('?')[1]),
    ).toEqual(['limit=100', 'limit=100&continue=100', 'limit=100&continue=200']);
  });

  it('is not read at all where one page is missing: a part would look like all', async () => {
    store(made, 'pods', many(250));
    made.instead = ({ plural, query }, response) => {
      const isMeant = plural === 'pods' && query.get('continue') === '200';
      if (isMeant) text(response, 500, 'oops');
      return isMeant;
    };
    expect((await surroundings()).pods).toMatchObject({
      kind: 'unread',
      why: expect.stringContaining('500'),
    });
  });

  it('is given up where it would not fit into the memory', async () => {
    made.instead = ({ plural }, response) => {
      const isMeant = plural === 'pods';
      if (isMeant) json(response, 200, { items: many(100), metadata: { continue: 'on' } });
      return isMeant;
    };
    expect((await surroundings()).pods).toMatchObject({
      kind: 'unread',
      why: 'Pods of payment-prod could not be listed: there are more than 10000, which canaryd does not read',
    });
  });
});

describe('an API server that does not answer', () => {
  it('in time leaves that one list unread', async () => {
    made.instead = (asked) => isList(asked, 'services', 'payment-prod');
    const { kube } = made.source;
    const hasty = await connectKube({ kind: 'text', text: made.server.kubeconfig }, { readTimeoutMs: 100 });
    // The others keep their time: on a busy machine they may need it.
    const listObjects: typeof kube.listObjects = (asked, item, until) =>
      (asked.plural === 'services' ? hasty : kube).listObjects(asked, item, until);
    const source = { ...made.source, kube: { ...kube, listObjects } };
    const facts = await readSurroundings(source, everything, signal);
    await hasty.close();
    expect(facts.services).toEqual({
      kind: 'unread',
      why: 'Services of payment-prod could not be listed: the API server did not answer in time',
      mend: 'ask again when the API server answers; if it does not, look at it',
    });
    expect([facts.pods.kind, facts.virtualServices.kind]).toEqual(['read', 'read']);
  });

  it('before nobody waits any longer leaves everything unread', async () => {
    made.instead = () => true;
    const ending = new AbortController();
    const reading = readSurroundings(made.source, everything, ending.signal);
    await expect.poll(() => made.server.requests.length).toBeGreaterThan(0);
    ending.abort();
    const facts = await reading;
    expect(new Set(Object.values(facts).map(({ kind }) => kind))).toEqual(new Set(['unread']));
  });

  it('at all leaves everything unread, without a failure', async () => {
    await made.server.close();
    const facts = await surroundings();
    expect(new Set(Object.values(facts).map(({ kind }) => kind))).toEqual(new Set(['unread']));
    expect(facts.pods).toMatchObject({ why: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('a name that leads elsewhere', () => {
  it('is not asked for', async () => {
    const { authorizationPolicies } = await surroundings(['../../etc']);
    expect(authorizationPolicies).toMatchObject({
      kind: 'read',
      gaps: ['AuthorizationPolicies of ../../etc could not be listed: "../../etc" is no Kubernetes name'],
    });
    expect(made.server.requests.filter((one) => one.includes('etc'))).toEqual([]);
  });
});
