import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bothArms } from '../../src/readiness/authorization/both-arms.ts';
import { defaultDeny } from '../../src/readiness/authorization/default-deny.ts';
import { dryRuns, forbiddenAnswers } from '../../src/readiness/authorization/notes.ts';
import { authorizationChecks } from '../../src/readiness/authorization.ts';
import * as objects from '../../src/readiness/objects.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import type { Snapshot } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, parsed, read, subjectWith, unread } from './healthy.ts';

const [denyAll, allowOrders] = parsed(objects.AuthorizationPolicy, bank.authorizationPolicies);

type Policy = objects.AuthorizationPolicy;
type Spec = Record<string, unknown>;

/** A policy of the bank under another name and with other fields of its spec. */
function policy(name: string, spec: Spec, metadata: Spec = {}): Policy {
  return objects.AuthorizationPolicy.parse({
    ...allowOrders,
    metadata: { ...allowOrders?.metadata, name, ...metadata },
    spec,
  });
}

const only = (version: string) => ({ matchLabels: { app: 'payment-service', version } });
const rules = allowOrders?.spec?.rules ?? [];
const present = (policies: (Policy | undefined)[]) => policies.flatMap((one) => (one ? [one] : []));
const withPolicies = (policies: (Policy | undefined)[], changes: Partial<Snapshot> = {}) =>
  healthy({ authorizationPolicies: read(present(policies)), ...changes });
const severities = (snapshot: Snapshot, check = bothArms) =>
  judged(check, snapshot).map((one) => (one.result === 'fail' ? one['severity'] : one.result));

describe('The authorization checks', () => {
  it('pass for a healthy target', () => {
    const results = runChecks(authorizationChecks, healthy()).map(({ id, result }) => `${id} ${result}`);
    expect(results).toEqual(authorizationChecks.map(({ id }) => `${id} pass`));
  });

  it('are unknown when the policies, or the 403s, may not be read', () => {
    const why = unread('no right to list AuthorizationPolicies in payment-prod');
    const blind = healthy({ authorizationPolicies: why, forbidden: unread('no answer') });
    expect(new Set(runChecks(authorizationChecks, blind).map(({ result }) => result))).toEqual(
      new Set(['unknown']),
    );
  });
});

describe('A canary that an AuthorizationPolicy leaves out', () => {
  it('is refused in words to act on where it would deny what stable answers', () => {
    const snapshot = withPolicies([denyAll, policy('allow-orders', { selector: only('v1'), rules })]);
    expect(judged(bothArms, snapshot)).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'AuthorizationPolicy payment-prod/allow-orders (ALLOW) selects app=payment-service,version=v1: all pods of v1, no pod of v2',
        means:
          'v2 denies by default, because payment-prod/default-deny selects it: requests that only payment-prod/allow-orders allows are answered by v1 and get 403 "RBAC: access denied" from v2, so they fail on each share moved',
        mend: `let it select both versions: kubectl -n payment-prod patch authorizationpolicy allow-orders --type=merge -p '{"spec":{"selector":{"matchLabels":{"version":null}}}}'; if a rule for one version is meant, waive PF-AZ-02 with the reason`,
        object: { kind: 'AuthorizationPolicy', namespace: 'payment-prod', name: 'allow-orders' },
        path: 'spec.selector.matchLabels',
      },
    ]);
  });

  it('is refused where it would be open to everybody, because no other policy selects it', () => {
    const [failure] = judged(
      bothArms,
      withPolicies([policy('allow-orders', { selector: only('v1'), rules })]),
    );
    expect(failure).toMatchObject({
      severity: 'error',
      means:
        'no ALLOW policy selects v2, so it is open to every workload that can reach it: callers that v1 denies get through to v2 as soon as it has traffic',
    });
  });

  it.each([
    ['DENY', 'error', 'requests that v1 denies because of payment-prod/other get through to v2'],
    ['CUSTOM', 'error', 'v1 asks the external authorizer of payment-prod/other and v2 does not'],
    ['AUDIT', 'warn', 'requests to v2 are not marked for the audit that payment-prod/other asks of v1'],
  ])('is told what a %s policy of stable alone means', (action, severity, means) => {
    const provider = action === 'CUSTOM' ? { provider: { name: 'opa' } } : {};
    const other = policy('other', { action, selector: only('v1'), rules, ...provider });
    const [failure, ...more] = judged(bothArms, withPolicies([denyAll, allowOrders, other]));
    expect([failure?.result, failure?.['severity'], more]).toEqual(['fail', severity, []]);
    expect(failure?.['means']).toContain(means);
  });

  it('is warned of where a policy selects some pods of each version', () => {
    const mixed = parsed(objects.Pod, bank.pods).map((pod, index) => ({
      ...pod,
      metadata: {
        ...pod.metadata,
        labels: { ...pod.metadata.labels, ...(index % 3 === 0 ? { tier: 'guarded' } : {}) },
      },
    }));
    const guarded = policy('guarded', {
      action: 'DENY',
      selector: { matchLabels: { tier: 'guarded' } },
      rules,
    });
    expect(
      judged(bothArms, withPolicies([denyAll, allowOrders, guarded], { pods: read(mixed) })),
    ).toMatchObject([
      {
        severity: 'warn',
        read: 'AuthorizationPolicy payment-prod/guarded (DENY) selects tier=guarded: some pods of v1, some pods of v2',
        means: 'whether a request meets its rules depends on the pod, in both versions',
      },
    ]);
  });

  it('is unknown where an action that nobody knows selects one version', () => {
    const strange = policy('strange', { action: 'THROTTLE', selector: only('v1'), rules });
    expect(judged(bothArms, withPolicies([denyAll, allowOrders, strange]))).toMatchObject([
      {
        result: 'unknown',
        read: 'AuthorizationPolicy payment-prod/strange (THROTTLE) selects app=payment-service,version=v1: all pods of v1, no pod of v2; canaryd does not know this action',
        mend: 'ask those who run the mesh what it does',
      },
    ]);
    const both = policy('strange', { action: 'THROTTLE', selector: allowOrders?.spec?.selector, rules });
    expect(severities(withPolicies([denyAll, allowOrders, both]))).toEqual(['pass']);
  });

  it('is told of five times at most', () => {
    const many = [1, 2, 3, 4, 5, 6, 7].map((number) =>
      policy(`deny-${number}`, {
        action: 'DENY',
        selector: only('v1'),
        rules: [{ to: [{ operation: { paths: [`/admin-${number}`] } }] }],
      }),
    );
    const found = judged(bothArms, withPolicies([denyAll, allowOrders, ...many]));
    expect(found).toHaveLength(5);
    expect(found[4]?.['read']).toMatch(/ \(and 2 more like it\)$/);
  });

  describe('in a namespace of its own', () => {
    const next = 'payment-next';
    const subject = subjectWith({
      canary: { ...subjectWith().canary, service: { name: 'payment-service', namespace: next } },
    });
    const pods = read(
      parsed(objects.Pod, bank.pods).map((pod) =>
        pod.metadata.labels?.['version'] === 'v2'
          ? { ...pod, metadata: { ...pod.metadata, namespace: next } }
          : pod,
      ),
    );

    it('is refused where the policies of stable do not stand there, too', () => {
      const [failure] = judged(bothArms, withPolicies([denyAll, allowOrders], { subject, pods }));
      expect(failure).toMatchObject({
        severity: 'error',
        read: 'AuthorizationPolicy payment-prod/allow-orders (ALLOW) selects app=payment-service: all pods of v1, no pod of v2',
      });
      expect(severities(withPolicies([denyAll], { subject, pods }), defaultDeny)).toEqual(['error']);
    });

    it('passes with the same policies in both namespaces', () => {
      const there = present([denyAll, allowOrders]).map((one) => ({
        ...one,
        metadata: { ...one.metadata, namespace: next },
      }));
      const all = [denyAll, allowOrders, ...there];
      expect(severities(withPolicies(all, { subject, pods }))).toEqual(['pass']);
      expect(severities(withPolicies(all, { subject, pods }), defaultDeny)).toEqual(['pass']);
    });
  });

  it('is refused by a policy of the root namespace and by one for the Service of stable alone', () => {
    const root = policy(
      'deny-old',
      { action: 'DENY', selector: only('v1'), rules },
      { namespace: 'istio-system' },
    );
    expect(severities(withPolicies([denyAll, allowOrders, root]))).toEqual(['error']);
    const targetRefs = [{ group: '', kind: 'Service', name: 'payment-stable' }];
    const arm = { ...subjectWith().stable, service: { name: 'payment-stable', namespace: 'payment-prod' } };
    const targeted = policy('deny-service', { action: 'DENY', targetRefs, rules });
    const subject = subjectWith({ stable: arm });
    expect(severities(withPolicies([denyAll, allowOrders, targeted], { subject }))).toEqual(['error']);
  });
});

describe('Policies that select one version and are no fault', () => {
  it('one for each version with the same rules count as one', () => {
    const pair = ['v1', 'v2'].map((version) =>
      policy(`allow-${version}`, { selector: only(version), rules }),
    );
    expect(severities(withPolicies([denyAll, ...pair]))).toEqual(['pass']);
  });

  it('a second default deny changes nothing and blocks nothing', () => {
    const deny = policy('deny-v1', { selector: only('v1') });
    expect(severities(withPolicies([allowOrders, deny]))).toEqual(['info']);
  });

  it('a dry run is not enforced', () => {
    const annotations = { 'istio.io/dry-run': 'true' };
    const dry = policy('deny-v1', { action: 'DENY', selector: only('v1'), rules }, { annotations });
    expect(severities(withPolicies([denyAll, allowOrders, dry]))).toEqual(['pass']);
    expect(judged(dryRuns, withPolicies([denyAll, allowOrders, dry]))).toMatchObject([
      {
        severity: 'info',
        read: 'AuthorizationPolicy payment-prod/deny-v1 (DENY) has the annotation istio.io/dry-run: "true"',
        means:
          'it is logged and not enforced: it neither protects this rollout nor can it be blamed for its 403s',
        mend: 'once its log is clean: kubectl -n payment-prod annotate authorizationpolicy deny-v1 istio.io/dry-run-',
      },
    ]);
  });

  it('a policy of another namespace, of the waypoint or of another Service does not count', () => {
    const elsewhere = policy('other', { selector: only('v1'), rules }, { namespace: 'ledger-prod' });
    const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'waypoint' }];
    const waypoint = policy('waypoint', { targetRefs, rules });
    expect(severities(withPolicies([denyAll, allowOrders, elsewhere, waypoint]))).toEqual(['pass']);
  });

  it('labels that only pods could show leave it unknown while the canary has none', () => {
    const pods = read(
      parsed(objects.Pod, bank.pods).filter((pod) => pod.metadata.labels?.['version'] === 'v1'),
    );
    const selector = { matchLabels: { 'service.istio.io/canonical-name': 'payment-service' } };
    const snapshot = withPolicies([denyAll, policy('allow-orders', { selector, rules })], { pods });
    expect(severities(snapshot)).toEqual(['unknown']);
    expect(
      severities(withPolicies([denyAll, policy('only-v1', { selector: only('v1'), rules })], { pods })),
    ).toEqual(['error']);
  });
});

const aPolicy = fc.record({
  action: fc.constantFrom('ALLOW', 'DENY', 'CUSTOM', 'AUDIT'),
  selector: fc.constantFrom(undefined, only('v1'), only('v2'), { matchLabels: { app: 'payment-service' } }),
  rules: fc.constantFrom(undefined, [], [{}], rules),
});
const policies = fc
  .array(aPolicy, { maxLength: 6 })
  .map((specs) => specs.map((spec, index) => policy(`policy-${index}`, JSON.parse(JSON.stringify(spec)))));

describe('Whatever the policies are', () => {
  it('their order does not matter', () => {
    const shuffled = policies.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(runChecks(authorizationChecks, withPolicies(other))).toEqual(
          runChecks(authorizationChecks, withPolicies(one)),
        );
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  it('going the other way finds the same policies at fault', () => {
    const { stable, canary } = subjectWith();
    const back = subjectWith({ stable: canary, canary: stable });
    const faults = (snapshot: Snapshot) =>
      judged(bothArms, snapshot).map((one) => [one.result, one['severity'], one['object'], one['path']]);
    fc.assert(
      fc.property(policies, (all) => {
        expect(faults(withPolicies(all, { subject: back }))).toEqual(faults(withPolicies(all)));
      }),
      { numRuns: 200, seed: 6 },
    );
  });

  it('a policy that selects one version alone is never passed over', () => {
    const lone = policy('lone', {
      action: 'DENY',
      selector: only('v1'),
      rules: [{ to: [{ operation: { ports: ['1'] } }] }],
    });
    fc.assert(
      fc.property(policies, (all) => {
        expect(severities(withPolicies([...all, lone]))).toContain('error');
      }),
      { numRuns: 100, seed: 6 },
    );
  });
});

describe('Default deny', () => {
  const requirements = { ...subjectWith().requirements, defaultDeny: false };

  it('is missed where nothing denies by default, as an error only where the bank asks for it', () => {
    expect(judged(defaultDeny, withPolicies([])).map((one) => one['read'])).toEqual([
      'v1 denies nothing by default: no ALLOW policy selects all of its pods',
      'v2 denies nothing by default: no ALLOW policy selects all of its pods',
    ]);
    expect(judged(defaultDeny, withPolicies([]))[1]).toMatchObject({
      severity: 'error',
      means: 'every workload that can reach v2 may call it, and this target must deny by default',
      mend: `first write ALLOW policies for its callers, then: echo '{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"name":"default-deny","namespace":"payment-prod"},"spec":{}}' | kubectl apply -f -`,
    });
    expect(severities(withPolicies([], { subject: subjectWith({ requirements }) }), defaultDeny)).toEqual([
      'info',
      'info',
    ]);
  });

  it('is lifted by a policy that allows everything', () => {
    const [failure] = judged(defaultDeny, withPolicies([denyAll, policy('allow-all', { rules: [{}] })]));
    expect(failure).toMatchObject({
      severity: 'error',
      read: 'v1 denies nothing by default: payment-prod/allow-all allows everything',
    });
  });

  it('is noted where only an ALLOW policy with rules closes the versions', () => {
    expect(severities(withPolicies([allowOrders]), defaultDeny)).toEqual(['info', 'info']);
  });

  it.each([
    ['of the root namespace', policy('default-deny', {}, { namespace: 'istio-system' })],
    [
      'by a DENY for all but those it names',
      policy('deny', { action: 'DENY', rules: [{ from: [{ source: { notNamespaces: ['order-prod'] } }] }] }),
    ],
    [
      'by an external authorizer for every request',
      policy('opa', { action: 'CUSTOM', provider: { name: 'opa' }, rules: [{}] }),
    ],
  ])('counts %s', (_name, guard) => {
    expect(severities(withPolicies([guard]), defaultDeny)).toEqual(['pass']);
  });

  it('is missed where a policy closes only some pods of a version, and unknown where no pod shows its labels yet', () => {
    const all = parsed(objects.Pod, bank.pods);
    const mixed = all.map(({ metadata, ...rest }, index) => ({
      ...rest,
      metadata: { ...metadata, labels: { ...metadata.labels, ...(index % 2 ? { tier: 'guarded' } : {}) } },
    }));
    const guarded = policy('guarded', { selector: { matchLabels: { tier: 'guarded' } }, rules });
    expect(severities(withPolicies([guarded], { pods: read(mixed) }), defaultDeny)).toEqual([
      'error',
      'error',
    ]);
    const v1 = read(all.filter((pod) => pod.metadata.labels?.['version'] === 'v1'));
    expect(severities(withPolicies([guarded], { pods: v1 }), defaultDeny)).toEqual(['error', 'unknown']);
  });

  it('counts at the waypoint of the Service, and is unknown where the Service does not say that it has one', () => {
    const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'waypoint' }];
    const guard = policy('waypoint-deny', { targetRefs });
    const services = parsed(objects.Service, bank.services).map(({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, labels: { ...metadata.labels, 'istio.io/use-waypoint': 'waypoint' } },
    }));
    expect(severities(withPolicies([guard], { services: read(services) }), defaultDeny)).toEqual(['pass']);
    expect(severities(withPolicies([guard]), defaultDeny)).toEqual(['unknown', 'unknown']);
  });
});

describe('Answers 403', () => {
  const counted = (stable: number, canary: number, requests = 1000) =>
    healthy({
      forbidden: read({
        stable: { requests: 100_000, forbidden: stable },
        canary: { requests, forbidden: canary },
        window: 300,
      }),
    });

  it('are a warning when the canary gives clearly more of them than stable', () => {
    expect(judged(forbiddenAnswers, counted(50, 30))).toMatchObject([
      {
        severity: 'warn',
        read: 'v2 answered 403 to 30 of 1000 requests (3 %), v1 to 50 of 100000 requests (0.05 %), in 300 s',
        means:
          'callers that v1 serves are refused by v2: most likely a policy or an identity differs (PF-AZ-02, PF-AZ-03), and each share moved refuses more of them',
        mend: "read who is refused: kubectl -n payment-prod logs -l app=payment-service,version=v2 -c istio-proxy --tail=200 | grep ' 403 '",
      },
    ]);
  });

  it('of clients that both versions refuse are no fault of the canary', () => {
    expect(severities(counted(3000, 32), forbiddenAnswers)).toEqual(['pass']);
  });

  it('say nothing before the canary has traffic, and nothing certain when stable has none', () => {
    expect(severities(counted(50, 0, 0), forbiddenAnswers)).toEqual(['skip']);
    const alone = read({
      stable: { requests: 0, forbidden: 0 },
      canary: { requests: 9, forbidden: 0 },
      window: 300,
    });
    expect(severities(healthy({ forbidden: alone }), forbiddenAnswers)).toEqual(['unknown']);
  });
});
