import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as objects from '../../src/readiness/objects.ts';
import { ignoresWeights } from '../../src/readiness/ownership/ignored-weights.ts';
import { ownershipChecks } from '../../src/readiness/ownership.ts';
import type { Lock, Right, Snapshot } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, noon, parsed, read, unread } from './healthy.ts';

function findings(id: string, changes: Partial<Snapshot> = {}) {
  const check = ownershipChecks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`no check ${id}`);
  return judged(check, healthy(changes));
}

const results = (id: string, changes: Partial<Snapshot> = {}) =>
  findings(id, changes).map(({ result, severity }) => (result === 'fail' ? severity : result));

const [payment, cards] = parsed(objects.VirtualService, bank.virtualServices);
if (payment === undefined || cards === undefined) throw new Error('the bank has two VirtualServices');
type Metadata = objects.Metadata;
const marked = (metadata: Partial<Metadata>): Partial<Snapshot> => ({
  virtualServices: read([{ ...payment, metadata: { ...payment.metadata, ...metadata } }, cards]),
});
const object = { kind: 'VirtualService', namespace: 'payment-prod', name: 'payment-service' };
const tracked = marked({
  annotations: {
    'argocd.argoproj.io/tracking-id':
      'payments:networking.istio.io/VirtualService:payment-prod/payment-service',
  },
});

type Spec = objects.GitOpsApplication['spec'];
const application = (spec: Spec, listed = false): Partial<Snapshot> => ({
  gitOpsApplications: read(
    parsed(objects.GitOpsApplication, [
      {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: { name: 'payments', namespace: 'argocd' },
        spec: { project: 'payments', destination: { namespace: 'payment-prod' }, ...spec },
        status: {
          resources: listed
            ? [{ ...object, group: 'networking.istio.io', version: 'v1', status: 'Synced' }]
            : [],
        },
      },
    ]),
  ),
});
const healing = { automated: { prune: true, selfHeal: true } };
const ignoring = {
  group: 'networking.istio.io',
  kind: 'VirtualService',
  jqPathExpressions: ['.spec.http[].route[].weight'],
};
const respecting = { ...healing, syncOptions: ['RespectIgnoreDifferences=true'] };

describe('the checks of ownership', () => {
  it('pass on a healthy target', () => {
    expect(ownershipChecks.map(({ id }) => [id, ...results(id)])).toEqual([
      ['PF-GO-01', 'pass'],
      ['PF-GO-02', 'pass'],
      ['PF-GO-03', 'pass'],
      ['PF-GO-04', 'pass'],
      ['PF-GO-05', 'pass'],
      ['PF-CH-01', 'pass'],
    ]);
  });

  it.each([
    ['PF-GO-01', { virtualServices: unread('forbidden') }],
    ['PF-GO-02', { otherCanaries: unread('forbidden') }],
    ['PF-GO-03', { rights: unread('forbidden') }],
    ['PF-GO-04', { servedVersions: unread('timeout') }],
    ['PF-GO-05', { locks: unread('no database') }],
    ['PF-CH-01', { holds: unread('no database') }],
  ] satisfies [string, Partial<Snapshot>][])('%s is unknown when its facts are unread', (id, changes) => {
    expect(results(id, changes)).toEqual(['unknown']);
  });
});

describe('GitOps (PF-GO-01)', () => {
  it('by an Application that heals itself keeps the rollout from starting', () => {
    expect(findings('PF-GO-01', { ...tracked, ...application({ syncPolicy: healing }) })).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: 'payment-prod/payment-service belongs to the Application argocd/payments of Argo CD, which heals itself (syncPolicy.automated.selfHeal: true) and does not ignore its weights',
        means:
          'each weight that canaryd writes is undone within seconds: no step holds, and v2 is never tried',
        mend: 'in the Application argocd/payments add ignoreDifferences for group networking.istio.io, kind VirtualService with jqPathExpressions [".spec.http[].route[].weight"], and the syncOption RespectIgnoreDifferences=true: kubectl -n argocd edit applications.argoproj.io payments',
        object,
        path: 'spec.http',
      },
    ]);
  });

  it('leaves the weights alone where they are ignored, and at a sync, too', () => {
    const respected = application({ syncPolicy: respecting, ignoreDifferences: [ignoring] });
    expect(results('PF-GO-01', { ...tracked, ...respected })).toEqual(['pass']);
    const compared = application({ syncPolicy: healing, ignoreDifferences: [ignoring] });
    expect(results('PF-GO-01', { ...tracked, ...compared })).toEqual(['warn']);
  });

  it('without self-heal is a warning', () => {
    const off = { automated: { selfHeal: true, enabled: false } };
    expect(results('PF-GO-01', { ...tracked, ...application({ syncPolicy: off }) })).toEqual(['warn']);
    expect(results('PF-GO-01', { ...tracked, ...application({}) })).toEqual(['warn']);
  });

  it('is unknown where the object bears a mark and its Application was not read', () => {
    expect(results('PF-GO-01', { ...tracked, gitOpsApplications: unread('forbidden') })).toEqual(['unknown']);
    expect(results('PF-GO-01', tracked)).toEqual(['unknown']);
  });

  it('is not proven by app.kubernetes.io/instance alone', () => {
    const labelled = marked({ labels: { 'app.kubernetes.io/instance': 'payments' } });
    expect(results('PF-GO-01', labelled)).toEqual(['pass']);
    expect(results('PF-GO-01', { ...labelled, gitOpsApplications: unread('forbidden') })).toEqual([
      'unknown',
    ]);
    expect(results('PF-GO-01', { ...labelled, ...application({ syncPolicy: healing }, true) })).toEqual([
      'error',
    ]);
  });

  it('needs no Application where nothing marks the object', () => {
    expect(results('PF-GO-01', { gitOpsApplications: unread('forbidden') })).toEqual(['pass']);
  });

  it('by a tracking id that names another object means nothing', () => {
    const id = 'payments:networking.istio.io/VirtualService:payment-prod/copied-from';
    const copied = marked({ annotations: { 'argocd.argoproj.io/tracking-id': id } });
    expect(results('PF-GO-01', { ...copied, ...application({ syncPolicy: healing }) })).toEqual(['pass']);
  });

  describe('of a hub that lists the object of several clusters', () => {
    type Listing = { namespace?: string; destination?: object; lists?: boolean };
    const hub = (all: Record<string, Spec & Listing>): Partial<Snapshot> => ({
      gitOpsApplications: read(
        parsed(
          objects.GitOpsApplication,
          Object.entries(all).map(([name, { namespace = 'argocd', lists = true, ...spec }]) => ({
            metadata: { name, namespace },
            spec,
            status: { resources: lists ? [{ ...object, group: 'networking.istio.io' }] : [] },
          })),
        ),
      ),
    });
    const quiet = { syncPolicy: respecting, ignoreDifferences: [ignoring] };
    const loud = { syncPolicy: healing };
    const elsewhere = { server: 'https://dr.bank.example.com:6443' };
    const here = { server: 'https://kubernetes.default.svc' };

    it('is the one that the mark names, wherever it stands in the list', () => {
      expect(results('PF-GO-01', { ...tracked, ...hub({ dr: quiet, payments: loud }) })).toEqual(['error']);
      expect(findings('PF-GO-01', { ...tracked, ...hub({ dr: loud, payments: quiet }) })).toMatchObject([
        {
          result: 'pass',
          read: 'payment-prod/payment-service: the Application argocd/payments ignores its weights',
        },
      ]);
    });

    it('is unknown where the mark names one that was not read, whatever others do', () => {
      expect(findings('PF-GO-01', { ...tracked, ...hub({ dr: quiet }) })).toMatchObject([
        {
          result: 'unknown',
          read: expect.stringMatching(
            /its Application payments is not among those that were read; of those that were, argocd\/dr list an object of its name, maybe of another cluster$/,
          ),
        },
      ]);
    });

    it('without a mark is the one that an older label names, or that writes to this cluster', () => {
      const labelled = marked({ labels: { 'app.kubernetes.io/instance': 'payments' } });
      const far = { ...quiet, destination: elsewhere };
      expect(results('PF-GO-01', { ...labelled, ...hub({ dr: quiet, payments: loud }) })).toEqual(['error']);
      expect(results('PF-GO-01', hub({ dr: far, eu: { ...loud, destination: here } }))).toEqual(['error']);
      expect(
        results('PF-GO-01', hub({ dr: far, eu: { ...loud, destination: { name: 'in-cluster' } } })),
      ).toEqual(['error']);
    });

    it('without a mark is unknown where they differ, and names them', () => {
      expect(findings('PF-GO-01', hub({ eu: loud, dr: quiet }))).toMatchObject([
        {
          result: 'unknown',
          read: 'payment-prod/payment-service is listed by the Applications argocd/dr, argocd/eu of Argo CD, which treat its weights differently, and no mark of it names one',
        },
      ]);
      expect(results('PF-GO-01', hub({ eu: loud, dr: loud }))).toEqual(['error']);
      expect(findings('PF-GO-01', hub({ eu: quiet, dr: quiet }))).toMatchObject([
        { result: 'pass', read: expect.stringContaining('the Applications argocd/dr, argocd/eu ignore') },
      ]);
    });

    it('without a mark says nothing of this cluster where all of them write to others', () => {
      expect(findings('PF-GO-01', hub({ dr: { ...loud, destination: elsewhere } }))).toMatchObject([
        {
          result: 'unknown',
          read: expect.stringContaining('argocd/dr of Argo CD, which may write to another'),
        },
      ]);
      expect(results('PF-GO-01', hub({ dr: { ...quiet, destination: elsewhere } }))).toEqual(['pass']);
    });
  });

  it('by Flux brings the weights back, unless it is told to leave the object alone', () => {
    const labels = { 'kustomize.toolkit.fluxcd.io/name': 'payments' };
    expect(findings('PF-GO-01', marked({ labels }))).toMatchObject([
      {
        severity: 'error',
        read: 'payment-prod/payment-service belongs to Flux (Kustomization): kustomize.toolkit.fluxcd.io/name: payments',
      },
    ]);
    for (const [key, value] of [
      ['ssa', 'IfNotPresent'],
      ['ssa', 'Ignore'],
      ['reconcile', 'disabled'],
    ]) {
      const annotations = { [`kustomize.toolkit.fluxcd.io/${key}`]: String(value) };
      expect(results('PF-GO-01', marked({ labels, annotations }))).toEqual(['pass']);
    }
  });

  it('by a HelmRelease may correct drift, and plain Helm never does', () => {
    expect(results('PF-GO-01', marked({ labels: { 'helm.toolkit.fluxcd.io/name': 'payments' } }))).toEqual([
      'warn',
    ]);
    expect(
      findings('PF-GO-01', marked({ annotations: { 'meta.helm.sh/release-name': 'payments' } })),
    ).toMatchObject([
      {
        result: 'pass',
        read: 'payment-prod/payment-service: of the Helm release payments, which writes when somebody upgrades it only',
      },
    ]);
  });

  it('is found by the owner of the routes where no mark is left', () => {
    const owned = (manager: string) =>
      marked({ managedFields: [{ manager, operation: 'Apply', fieldsV1: { 'f:spec': { 'f:http': {} } } }] });
    expect(results('PF-GO-01', owned('kustomize-controller'))).toEqual(['error']);
    expect(results('PF-GO-01', owned('argocd-controller'))).toEqual(['unknown']);
    expect(results('PF-GO-01', owned('kubectl-edit'))).toEqual(['pass']);
  });
});

describe('ignored differences', () => {
  const weights = [0, 1].map((index) => ['spec', 'http', 0, 'route', index, 'weight']);
  const ask = (rule: object) =>
    ignoresWeights([{ ...ignoring, jqPathExpressions: [], ...rule }], payment.metadata, weights);

  it.each([
    [{ jsonPointers: ['/spec/http'] }, true],
    [{ jsonPointers: ['/spec/http/0/route/0/weight', '/spec/http/0/route/1/weight'] }, true],
    [{ jsonPointers: ['/spec/http/0/route/0/weight'] }, false],
    [{ jqPathExpressions: ['.spec.http[]?.route[]?.weight'] }, true],
    [{ jqPathExpressions: ['.spec.http[] | .route[] | .weight'] }, true],
    [{ jqPathExpressions: ['.spec["http"][0].route'] }, true],
    [{ jqPathExpressions: ['.spec.http[1].route[].weight'] }, false],
    [{ jqPathExpressions: ['.spec.http[].route[].destination'] }, false],
    [{ jqPathExpressions: ['.spec.http[] | select(.name == "primary") | .route[].weight'] }, 'unsure'],
    [{ managedFieldsManagers: ['canaryd'] }, true],
    [{ group: '*', jsonPointers: ['/spec'] }, true],
    [{ group: '', jsonPointers: ['/spec'] }, false],
    [{ name: 'other', jsonPointers: ['/spec'] }, false],
    [{ namespace: 'order-prod', jsonPointers: ['/spec'] }, false],
    [{ kind: 'Deployment', jsonPointers: ['/spec'] }, false],
    [{ kind: 'Virtual*', jsonPointers: ['/spec'] }, true],
    [{ kind: '*Service', jsonPointers: ['/spec'] }, true],
    [{ kind: 'V*S*e', jsonPointers: ['/spec'] }, true],
    [{ kind: 'VirtualServic?', jsonPointers: ['/spec'] }, true],
    [{ kind: 'VirtualService?', jsonPointers: ['/spec'] }, false],
    [{ group: '*.istio.io', jsonPointers: ['/spec'] }, true],
    [{ group: 'networking?istio.io', jsonPointers: ['/spec'] }, true],
    [{ group: 'networking.istio.io.*', jsonPointers: ['/spec'] }, false],
    [{ kind: '{VirtualService,Gateway}', jsonPointers: ['/spec'] }, 'unsure'],
    [{ kind: '[VD]*', jsonPointers: ['/spec'] }, 'unsure'],
    [{ kind: '[VD]*', jsonPointers: ['/metadata'] }, false],
    [{ kind: '[VD]*', group: 'apps', jsonPointers: ['/spec'] }, false],
    [{ kind: '*'.repeat(254), jsonPointers: ['/spec'] }, 'unsure'],
  ])('of %j cover the weights: %j', (rule, expected) => {
    expect(ask(rule)).toBe(expected);
  });

  it('answer a kind of very many stars', () => {
    expect(ask({ kind: `${'*'.repeat(200)}x`, jsonPointers: ['/spec'] })).toBe(false);
    expect(ask({ kind: `${'*e'.repeat(100)}`, jsonPointers: ['/spec'] })).toBe(false);
    expect(ask({ kind: '*'.repeat(200), jsonPointers: ['/spec'] })).toBe(true);
  });

  it('never cover both weights by a path to one of them', () => {
    fc.assert(
      fc.property(fc.nat(9), fc.nat(9), fc.boolean(), (route, index, isPointer) => {
        const rule = isPointer
          ? { jsonPointers: [`/spec/http/${route}/route/${index}/weight`] }
          : { jqPathExpressions: [`.spec.http[${route}].route[${index}].weight`] };
        expect(ask(rule)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('whose expression is not understood make it unknown', () => {
    const expression = '.spec.http[] | select(.name == "primary") | .route[].weight';
    const unsure = application({
      syncPolicy: respecting,
      ignoreDifferences: [{ ...ignoring, jqPathExpressions: [expression] }],
    });
    expect(results('PF-GO-01', { ...tracked, ...unsure })).toEqual(['unknown']);
  });
});

describe('other canary controllers (PF-GO-02)', () => {
  const other = (kind: string, spec: object, metadata: object = {}) => ({
    otherCanaries: read(
      parsed(objects.OtherCanary, [
        { kind, metadata: { name: 'payments', namespace: 'payment-prod', ...metadata }, spec },
      ]),
    ),
  });
  const rollout = (istio: object) => ({ strategy: { canary: { trafficRouting: { istio } } } });
  const flagger = { targetRef: { kind: 'Deployment', name: 'payment-service' }, service: { port: 8080 } };
  const owned = marked({ ownerReferences: [{ kind: 'Canary', name: 'payments', controller: true }] });

  it('that move the same VirtualService keep the rollout from starting', () => {
    expect(
      findings('PF-GO-02', other('Rollout', rollout({ virtualService: { name: 'payment-service' } }))),
    ).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: 'the Rollout payment-prod/payments of Argo Rollouts moves payment-prod/payment-service',
        means:
          "Argo Rollouts writes its own weights whenever others stand there: canaryd's are undone, and a rollback by one is a drift for the other",
        mend: 'let one of the two move it: take the VirtualService out of the Rollout, or do not release this service by canaryd: kubectl -n payment-prod get rollouts.argoproj.io payments -o yaml',
        object,
      },
    ]);
  });

  it('may name it from another namespace', () => {
    const istio = (name: string) =>
      other('Rollout', rollout({ virtualServices: [{ name }] }), { namespace: 'order-prod' });
    expect(results('PF-GO-02', istio('payment-service.payment-prod'))).toEqual(['error']);
    expect(results('PF-GO-02', istio('payment-service'))).toEqual(['pass']);
  });

  it('of Flagger are known by their Service or as owners', () => {
    expect(results('PF-GO-02', other('Canary', flagger))).toEqual(['error']);
    const elsewhere = { ...flagger, service: { name: 'payments' } };
    expect(results('PF-GO-02', other('Canary', elsewhere))).toEqual(['pass']);
    expect(results('PF-GO-02', { ...owned, ...other('Canary', elsewhere) })).toEqual(['error']);
  });

  it('that a migration left behind are told of and block nothing', () => {
    expect(results('PF-GO-02', other('Canary', { ...flagger, suspend: true }))).toEqual(['warn']);
    expect(
      results('PF-GO-02', other('Canary', flagger, { deletionTimestamp: '2026-11-23T11:00:00Z' })),
    ).toEqual(['warn']);
    expect(findings('PF-GO-02', owned)).toMatchObject([
      {
        severity: 'warn',
        read: 'payment-prod/payment-service is owned by the Canary payments of Flagger, which is not there any more',
        path: 'metadata.ownerReferences',
      },
    ]);
  });
});

describe('rights (PF-GO-03)', () => {
  const right = (changes: Partial<Right>): Right => ({
    verb: 'patch',
    group: 'networking.istio.io',
    resource: 'virtualservices',
    namespace: 'payment-prod',
    name: 'payment-service',
    allowed: true,
    ...changes,
  });
  const rights = (...all: Partial<Right>[]) => ({ rights: read(all.map(right)) });

  it('to patch that are missing keep the rollout from starting, and tell that a new one may lag', () => {
    expect(findings('PF-GO-03', rights({ verb: 'get' }, { allowed: false }))).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: 'canaryd may not patch virtualservices (networking.istio.io) payment-prod/payment-service',
        means:
          'canaryd can write no weight: the rollout cannot start and, worse, one that runs cannot go back',
        mend: "add the verb patch on virtualservices (networking.istio.io) to canaryd's Role in payment-prod; a right of an aggregated role takes some seconds to hold, so ask again before you look further: kubectl auth can-i patch virtualservices.networking.istio.io/payment-service -n payment-prod --as=<canaryd's user>",
        object,
      },
    ]);
  });

  it('that were not asked for are unknown', () => {
    expect(results('PF-GO-03', rights({ verb: 'get' }))).toEqual(['unknown']);
    expect(results('PF-GO-03', rights({ verb: 'get' }, { name: '', allowed: false }))).toContain('unknown');
  });

  it('for all objects hold for one', () => {
    expect(results('PF-GO-03', rights({ verb: 'get', name: '' }, { namespace: '', name: '' }))).toEqual([
      'pass',
    ]);
  });

  it('to read that are missing make checks unknown, and block nothing by themselves', () => {
    const pods = { verb: 'list', group: '', resource: 'pods', name: '', allowed: false };
    expect(findings('PF-GO-03', rights({ verb: 'get' }, {}, pods))).toMatchObject([
      { severity: 'warn', read: 'canaryd may not list pods in payment-prod' },
    ]);
  });
});

describe('the served version (PF-GO-04)', () => {
  it('may be an older one', () => {
    expect(findings('PF-GO-04', { servedVersions: read(['v1beta1']) })).toMatchObject([
      { result: 'pass', read: 'networking.istio.io/v1beta1 is used, of v1beta1' },
    ]);
  });

  it.each([
    [
      [],
      'the cluster default does not serve networking.istio.io at all; canaryd speaks v1, v1beta1, v1alpha3',
    ],
    [['v2'], 'the cluster default serves v2 of networking.istio.io; canaryd speaks v1, v1beta1, v1alpha3'],
  ])('that canaryd does not speak keeps the rollout from starting: %j', (versions, said) => {
    expect(findings('PF-GO-04', { servedVersions: read(versions) })).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: said,
        means: 'there is no VirtualService that canaryd could read or write: no weight can be moved',
        mend: "install Istio's custom resources, or name the cluster where they are: kubectl api-versions | grep networking.istio.io",
      },
    ]);
  });
});

describe('the lock (PF-GO-05)', () => {
  const lock = (changes: Partial<Lock>): Lock => ({
    rolloutId: 'ro_7',
    live: true,
    since: noon - 3 * 3_600_000,
    isOwn: false,
    ...changes,
  });

  it('of another rollout keeps this one from starting, and each step is asked again', () => {
    expect(findings('PF-GO-05', { locks: read([lock({})]) })).toEqual([
      {
        priority: 'P0',
        again: true,
        result: 'fail',
        severity: 'error',
        read: 'the rollout ro_7 holds payment-prod/payment-service, since 3 h',
        means:
          'two rollouts would write weights over each other, and neither would know which version its checks judge',
        mend: 'wait for its end, or end it: POST /v1/rollouts/ro_7/actions/abort',
        object,
        path: 'metadata.annotations',
      },
    ]);
  });

  it('of this rollout is its own', () => {
    expect(findings('PF-GO-05', { locks: read([lock({ isOwn: true })]) })).toMatchObject([
      { result: 'pass', read: 'only ro_7 itself, since 3 h' },
    ]);
  });

  it('that a crash left shows its owner, its age and how to take it away, and blocks nothing', () => {
    expect(
      findings('PF-GO-05', { locks: read([lock({ live: false, since: noon - 60_000 })]) }),
    ).toMatchObject([
      {
        severity: 'info',
        read: 'payment-prod/payment-service still bears the mark of the rollout ro_7, which does not run, since 1 min',
        mend: 'nothing, or take the mark away: kubectl -n payment-prod annotate virtualservice payment-service canaryd.io/rollout- canaryd.io/epoch-',
      },
    ]);
  });
});

describe('hold orders (PF-CH-01)', () => {
  const order = {
    id: 'ho_01KC',
    scope: 'namespace payment-prod of all clusters',
    by: 'ana',
    reason: 'card network is down',
  };

  it('that stand keep the rollout from starting, and the command that lifts them is there', () => {
    expect(findings('PF-CH-01', { holds: read([order]) })).toEqual([
      {
        priority: 'P0',
        again: false,
        result: 'fail',
        severity: 'error',
        read: 'ana stopped every move forward in namespace payment-prod of all clusters, because "card network is down" (hold order ho_01KC)',
        means: 'v2 gets no traffic while it stands: a rollout waits for its end',
        mend: 'ask ana, and lift it when it is over: curl -sS -X DELETE -H "Authorization: Bearer $TOKEN" "$API/v1/hold/ho_01KC"',
      },
    ]);
  });

  it('may have no reason', () => {
    expect(findings('PF-CH-01', { holds: read([{ ...order, reason: null }]) })).toMatchObject([
      {
        severity: 'error',
        read: 'ana stopped every move forward in namespace payment-prod of all clusters, without a reason (hold order ho_01KC)',
      },
    ]);
  });
});
