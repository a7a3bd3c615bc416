import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as objects from '../../src/readiness/objects.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import { canaryCarriesShare } from '../../src/readiness/workload/capacity.ts';
import { stableTakesAllBack, wayBackRatio } from '../../src/readiness/workload/way-back.ts';
import { workloadChecks } from '../../src/readiness/workload.ts';
import { stableReadyRatio } from '../../src/rollout/guard.ts';
import * as bank from './bank-objects.ts';
import { autoscalersWith, notReady, podsWith } from './changed-objects.ts';
import { healthy, judged, noon, parsed, read, subjectWith, unread } from './healthy.ts';

const noAutoscalers = read<objects.Autoscaler[]>([]);
const stableAway = subjectWith({
  stable: { ...subjectWith().stable, podLabels: null, host: 'cards.example.com' },
});
const canaryAway = subjectWith({
  canary: { ...subjectWith().canary, podLabels: null, host: 'cards.example.com' },
});

/** The bank's pods, of which so many of a version are ready. */
function readyOnly(version: 'v1' | 'v2', count: number) {
  const names = bank.podNames(version).slice(count);
  return podsWith(version, (pod) => (names.includes(pod.metadata.name) ? notReady(pod) : pod));
}

/** Requests per second of stable. */
function requests(requestsPerSecond: number | null) {
  return read({ requestsPerSecond, checks: [] });
}

it('finds nothing wrong with a healthy target', () => {
  const findings = runChecks(workloadChecks, healthy());
  expect(findings.map(({ id, result }) => `${id} ${result}`)).toEqual(
    ['01', '02', '03', '04', '05', '06'].map((id) => `PF-WL-${id} pass`),
  );
});

it('says the same whatever the order of objects', () => {
  const usual = runChecks(workloadChecks, healthy());
  const shuffled = <Value>(values: Value[]) =>
    fc.shuffledSubarray(values, { minLength: values.length, maxLength: values.length });
  const orders = fc.record({
    pods: shuffled(parsed(objects.Pod, bank.pods)),
    deployments: shuffled(parsed(objects.Deployment, bank.deployments)),
    autoscalers: shuffled(parsed(objects.Autoscaler, bank.autoscalers)),
  });
  fc.assert(
    fc.property(orders, ({ pods, deployments, autoscalers }) => {
      const snapshot = healthy({
        pods: read(pods),
        deployments: read(deployments),
        autoscalers: read(autoscalers),
      });
      expect(runChecks(workloadChecks, snapshot)).toEqual(usual);
    }),
    { numRuns: 50 },
  );
});

describe('pods for the next share (PF-WL-01)', () => {
  it('says what the canary has and what it needs', () => {
    expect(judged(canaryCarriesShare, healthy())).toMatchObject([
      {
        result: 'pass',
        read: 'v2 has 3 ready pods; 5 % of 600 requests/s are 30, and one pod is known to carry 200 (3 pods of v1): 1 needed',
      },
    ]);
  });

  it('warns of a share that is more than the pods are known to carry', () => {
    const snapshot = healthy({
      subject: subjectWith({ nextShare: 100 }),
      pods: readyOnly('v2', 1),
      autoscalers: noAutoscalers,
    });
    expect(judged(canaryCarriesShare, snapshot)).toMatchObject([
      {
        result: 'fail',
        severity: 'warn',
        read: 'v2 has 1 ready pods; 100 % of 600 requests/s are 600, and one pod is known to carry 200 (3 pods of v1): 3 needed',
        means:
          'at 100 % each pod of the canary would get more than a pod of v1 is known to carry: it may carry that, and if not it fails for want of pods and not for what is new in it',
        mend: 'kubectl -n payment-prod scale deployment/payment-service-v2 --replicas=3',
        object: { kind: 'Deployment', namespace: 'payment-prod', name: 'payment-service-v2' },
        path: 'spec.replicas',
      },
    ]);
  });

  it.each([
    [33, 'pass'],
    [34, 'fail'],
    [66, 'fail'],
  ])('with one of three pods, %s percent is a %s', (nextShare, result) => {
    const snapshot = healthy({
      subject: subjectWith({ nextShare }),
      pods: readyOnly('v2', 1),
      autoscalers: noAutoscalers,
    });
    expect(judged(canaryCarriesShare, snapshot)).toMatchObject([{ result }]);
  });

  it('says where an autoscaler can bring the pods, and that it comes late', () => {
    const snapshot = healthy({ subject: subjectWith({ nextShare: 100 }), pods: readyOnly('v2', 1) });
    const [finding] = judged(canaryCarriesShare, snapshot);
    expect(finding).toMatchObject({ severity: 'warn' });
    expect(finding?.['means']).toContain('until the autoscaler has caught up');
    expect(finding?.['mend']).toBe(
      `kubectl -n payment-prod patch hpa payment-service-v2 --type=merge -p '{"spec":{"minReplicas":3,"maxReplicas":12}}'`,
    );
  });

  it('says where the autoscaler ends below what is needed', () => {
    const autoscalers = autoscalersWith('v2', (one) => ({ ...one, spec: { ...one.spec, maxReplicas: 2 } }));
    const subject = subjectWith({ nextShare: 100 });
    const short = judged(canaryCarriesShare, healthy({ subject, autoscalers, pods: readyOnly('v2', 1) }));
    expect(short).toMatchObject([{ severity: 'warn' }]);
    expect(short[0]?.['read']).toContain('its autoscaler goes up to 2');
  });

  it('refuses a canary without a ready pod, whatever stable gets', () => {
    const none = { pods: readyOnly('v2', 0), autoscalers: noAutoscalers };
    const refused = {
      result: 'fail',
      severity: 'error',
      read: 'v2 has 0 ready pods, and the next share is 5 %: 1 is needed at least',
      means: '5 % of all requests would be sent where nobody answers them',
      mend: 'see what keeps its pods from being ready, or start one: kubectl -n payment-prod scale deployment/payment-service-v2 --replicas=1',
      object: { kind: 'Deployment', namespace: 'payment-prod', name: 'payment-service-v2' },
    };
    expect(judged(canaryCarriesShare, healthy(none))).toMatchObject([refused]);
    expect(judged(canaryCarriesShare, healthy({ ...none, survey: requests(0) }))).toMatchObject([refused]);
  });

  it('never refuses a canary that has a ready pod, however little stable gets', () => {
    const cases = fc.record({
      ready: fc.integer({ min: 1, max: 3 }),
      nextShare: fc.integer({ min: 1, max: 100 }),
      rate: fc.double({ min: 0.01, max: 10_000, noNaN: true }),
      scaled: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ ready, nextShare, rate, scaled }) => {
        const snapshot = healthy({
          subject: subjectWith({ nextShare }),
          pods: readyOnly('v2', ready),
          survey: requests(rate),
          ...(scaled ? {} : { autoscalers: noAutoscalers }),
        });
        const failures = judged(canaryCarriesShare, snapshot).filter(({ result }) => result === 'fail');
        expect(failures.every((one) => one['severity'] === 'warn')).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('warns that an autoscaler ends below what the end of the plan needs', () => {
    const autoscalers = autoscalersWith('v2', (one) => ({ ...one, spec: { ...one.spec, maxReplicas: 2 } }));
    const [finding] = judged(canaryCarriesShare, healthy({ autoscalers }));
    expect(finding).toMatchObject({ severity: 'warn', path: 'spec.maxReplicas' });
    expect(finding?.['read']).toBe(
      'HorizontalPodAutoscaler payment-prod/payment-service-v2 ends at 2 pods, and 100 % of 600 requests/s need 3',
    );
  });

  it('leaves what the plan scales up later to its time', () => {
    const snapshot = healthy({ pods: readyOnly('v2', 1), autoscalers: noAutoscalers });
    expect(judged(canaryCarriesShare, snapshot)).toMatchObject([{ result: 'pass' }]);
  });

  const onTheWay = { startedAt: noon - 600_000, stableReadyAtStart: 3 };

  it('does not ask for more pods only because stable has fewer requests by now', () => {
    const subject = subjectWith({ ...onTheWay, writtenShare: 50, nextShare: 100 });
    expect(judged(canaryCarriesShare, healthy({ subject, survey: requests(300) }))).toMatchObject([
      {
        result: 'pass',
        read: 'v2 has 3 ready pods; 100 % of 600 requests/s are 600, and one pod is known to carry 200 (3 pods of v1): 3 needed',
      },
    ]);
  });

  it('asks for more pods when stable has been scaled out since the start', () => {
    const subject = subjectWith({ startedAt: noon, stableReadyAtStart: 1, writtenShare: 0, nextShare: 100 });
    const snapshot = healthy({ subject, pods: readyOnly('v2', 1), autoscalers: noAutoscalers });
    const [finding] = judged(canaryCarriesShare, snapshot);
    expect(finding?.['read']).toContain('3 needed');
  });

  it('has nothing to say of 0 %, of what is all with the canary, and of a host without pods', () => {
    for (const changes of [{ nextShare: 0 }, { writtenShare: 100 }]) {
      const subject = subjectWith(changes);
      expect(judged(canaryCarriesShare, healthy({ subject }))).toMatchObject([{ result: 'skip' }]);
    }
    expect(judged(canaryCarriesShare, healthy({ subject: canaryAway }))).toMatchObject([{ result: 'skip' }]);
  });

  it('knows nothing without a survey, without traffic and without a ready pod of stable', () => {
    const unsurveyed = [
      healthy({ survey: unread('no metrics') }),
      healthy({ survey: requests(null) }),
      healthy({ survey: requests(0) }),
      healthy({ pods: readyOnly('v1', 0) }),
      healthy({ subject: stableAway }),
    ];
    for (const snapshot of unsurveyed) {
      expect(judged(canaryCarriesShare, snapshot)).toMatchObject([{ result: 'unknown' }]);
    }
  });

  it('never passes a canary that has fewer pods than stable for all of its requests', () => {
    const counts = fc.record({
      stable: fc.integer({ min: 1, max: 3 }),
      canary: fc.integer({ min: 0, max: 3 }),
      rate: fc.integer({ min: 1, max: 100_000 }),
    });
    fc.assert(
      fc.property(counts, ({ stable, canary, rate }) => {
        const v1 = readyOnly('v1', stable).value.slice(0, 3);
        const v2 = readyOnly('v2', canary).value.slice(3);
        const subject = subjectWith({ nextShare: 100 });
        const snapshot = healthy({ subject, pods: read([...v1, ...v2]), survey: requests(rate) });
        const [finding] = judged(canaryCarriesShare, snapshot);
        expect(finding?.result === 'pass').toBe(canary >= stable);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the way back (PF-WL-06)', () => {
  it('says what stable has', () => {
    expect(judged(stableTakesAllBack, healthy())).toMatchObject([
      { result: 'pass', read: 'v1 has 3 ready pods, 3 asked for, its autoscaler keeps at least 3' },
    ]);
  });

  it('refuses when stable has fewer pods than when the rollout began', () => {
    const subject = subjectWith({ startedAt: noon - 600_000, stableReadyAtStart: 3 });
    const snapshot = healthy({ subject, pods: readyOnly('v1', 2) });
    expect(judged(stableTakesAllBack, snapshot)).toMatchObject([
      {
        result: 'fail',
        severity: 'error',
        read: 'v1 has 2 ready pods, 3 at the start of the rollout: 3 needed at least (75 %)',
        means:
          'if the canary fails, all requests go back to 2 pods of v1: going back could fail where the canary did',
        mend: 'kubectl -n payment-prod scale deployment/payment-service-v1 --replicas=3, or see what keeps pods from being ready: kubectl -n payment-prod get pods -l app=payment-service,version=v1',
        object: { kind: 'Deployment', namespace: 'payment-prod', name: 'payment-service-v1' },
        path: 'status.readyReplicas',
      },
    ]);
  });

  it('refuses before the start when pods that are asked for are not ready', () => {
    const [finding] = judged(stableTakesAllBack, healthy({ pods: readyOnly('v1', 2) }));
    expect(finding).toMatchObject({
      severity: 'error',
      read: 'v1 has 2 ready pods, 3 asked for: 3 needed at least (75 %)',
    });
  });

  it('does not mind that stable has more pods than at the start', () => {
    const subject = subjectWith({ startedAt: noon - 600_000, stableReadyAtStart: 2 });
    expect(judged(stableTakesAllBack, healthy({ subject }))).toMatchObject([{ result: 'pass' }]);
  });

  it('refuses while an autoscaler takes stable down', () => {
    const autoscalers = autoscalersWith('v1', (one) => ({
      ...one,
      spec: { ...one.spec, minReplicas: 1 },
      status: { currentReplicas: 3, desiredReplicas: 2 },
    }));
    const [finding] = judged(stableTakesAllBack, healthy({ autoscalers }));
    expect(finding).toMatchObject({
      severity: 'error',
      read: 'HorizontalPodAutoscaler payment-prod/payment-service-v1 is taking v1 down to 2 pods, 3 asked for: 3 needed at least (75 %)',
      mend: `hold it until the rollout is over: kubectl -n payment-prod patch hpa payment-service-v1 --type=merge -p '{"spec":{"minReplicas":3}}'`,
    });
  });

  it.each([
    ['a lower minimum', 2],
    ['no minimum, which is 1', null],
  ])('warns of an autoscaler that may do so: %s', (_what, minReplicas) => {
    const autoscalers = autoscalersWith('v1', (one) => ({ ...one, spec: { ...one.spec, minReplicas } }));
    const [finding] = judged(stableTakesAllBack, healthy({ autoscalers }));
    expect(finding).toMatchObject({ severity: 'warn', path: 'spec.minReplicas' });
  });

  /** The bank's pods and three more of stable, so many of its six ready. */
  function sixOfStable(ready: number) {
    const pods = readyOnly('v1', Math.min(ready, 3)).value;
    const more = parsed(objects.Pod, bank.pods.slice(0, 3)).map((pod, index) => {
      const named = {
        ...pod,
        metadata: { ...pod.metadata, name: `payment-service-v1-7d9c5b6f4-more${index}` },
      };
      return index + 3 < ready ? named : notReady(named);
    });
    return read([...pods, ...more]);
  }
  const sixAtStart = subjectWith({ startedAt: noon - 600_000, stableReadyAtStart: 6 });

  it.each([
    [6, 'pass', undefined],
    [5, 'fail', 'warn'],
    [4, 'fail', 'error'],
    [0, 'fail', 'error'],
  ])('with %s of 6 pods ready is a %s (%s)', (ready, result, severity) => {
    const autoscalers = noAutoscalers;
    const snapshot = healthy({ subject: sixAtStart, pods: sixOfStable(ready), autoscalers });
    const [finding] = judged(stableTakesAllBack, snapshot);
    expect(finding?.result === 'fail' ? finding['severity'] : undefined).toBe(severity);
    expect(finding?.result).toBe(result);
  });

  it.each([
    [6, 6, undefined],
    [5, 6, 'warn'],
    [5, 5, 'warn'],
    [2, 6, 'warn'],
    [4, 5, 'warn'],
    [4, 4, 'error'],
  ])('with an autoscaler that keeps %s and wants %s of 6 pods weighs %s', (minReplicas, desiredReplicas, severity) => {
    const autoscalers = autoscalersWith('v1', (one) => ({
      ...one,
      spec: { ...one.spec, minReplicas },
      status: { currentReplicas: 6, desiredReplicas },
    }));
    const snapshot = healthy({ subject: sixAtStart, pods: sixOfStable(6), autoscalers });
    const [finding] = judged(stableTakesAllBack, snapshot);
    expect(finding?.result === 'fail' ? finding['severity'] : undefined).toBe(severity);
  });

  it('goes by the share that the guard of a running rollout goes by', () => {
    expect(wayBackRatio).toBe(stableReadyRatio);
  });

  it("does not look at the canary's autoscaler", () => {
    const autoscalers = autoscalersWith('v2', (one) => ({ ...one, spec: { ...one.spec, minReplicas: 1 } }));
    expect(judged(stableTakesAllBack, healthy({ autoscalers }))).toMatchObject([{ result: 'pass' }]);
  });

  it('knows nothing of pods that no Deployment asks for, before the start', () => {
    const none = healthy({ deployments: read([]) });
    expect(judged(stableTakesAllBack, none)).toMatchObject([{ result: 'unknown' }]);
    const started = subjectWith({ startedAt: noon, stableReadyAtStart: 3 });
    expect(judged(stableTakesAllBack, { ...none, subject: started })).toMatchObject([{ result: 'pass' }]);
  });

  it('knows nothing when pods may not be read, and has nothing to say of a host without pods', () => {
    expect(judged(stableTakesAllBack, healthy({ pods: unread('403') }))).toMatchObject([
      { result: 'unknown' },
    ]);
    expect(judged(stableTakesAllBack, healthy({ subject: stableAway }))).toMatchObject([{ result: 'skip' }]);
  });
});
