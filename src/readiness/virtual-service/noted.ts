import { type Check, defineCheck } from '../check.ts';
import { covers } from '../destination-rules-of.ts';
import type { Failure } from '../finding.ts';
import { bounded, info, orPass, refTo, skip } from '../judgement.ts';
import type { DestinationRule, TrafficPolicy } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Subject } from '../snapshot.ts';
import { armName, editing, judgeMoved, type Moved, refToMoved } from './moved.ts';

/**
 * A retry that succeeds hides the attempt that failed from the caller, and a timeout below the limit of a latency ends
 * requests before they can be too slow.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry and #HTTPRoute (timeout)
 */
export const nothingHidden: Check = defineCheck({
  id: 'PF-VS-09',
  title: 'No retries or timeouts of the routes hide what the canary does',
  family: 'virtual-service',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'info',
  needs: ['movedVirtualServices'],
  judge: ({ movedVirtualServices }, subject) =>
    judgeMoved(movedVirtualServices, subject, (moved) => {
      const http = moved.filter(({ key }) => key.kind === 'http');
      if (http.length === 0)
        return [skip('no http route is moved: tls and tcp have neither retries nor timeouts')];
      const failures = http.flatMap((one) => [...retriesOf(one, subject), ...timeoutOf(one, subject)]);
      const read = http.map(({ called, entry }) => {
        const timeout = entry.timeout ? `timeout ${entry.timeout}` : 'no timeout';
        return `${called}: ${timeout}, ${entry.retries ? 'retries off' : "Istio's own retries only"}`;
      });
      return orPass(bounded(failures), read.join('; '));
    }),
});

function retriesOf(moved: Moved, { canary }: Subject): Failure[] {
  const attempts = moved.entry.retries?.attempts ?? 0;
  if (attempts <= 0) return [];
  const on = moved.entry.retries?.['retryOn'];
  const what = typeof on === 'string' && on !== '' ? on : 'what Istio retries by itself';
  return [
    info({
      read: `${moved.called} makes up to ${attempts} retries on ${what}`,
      means: `a failure of ${armName(canary)} may end well for its user and still count as one where it arrives; metrics of the callers show fewer failures than it makes, and each retry is divided by the weights anew`,
      mend: `know it when you read the checks, or take the retries out for the time of the rollout: ${editing(moved)}`,
      object: refToMoved(moved),
      path: `${moved.path}.retries`,
    }),
  ];
}

function timeoutOf(moved: Moved, { checks, canary }: Subject): Failure[] {
  const timeout = millisOf(moved.entry.timeout ?? '');
  const hidden = checks.filter(
    ({ metric, max }) => metric === 'p99LatencyMs' && timeout > 0 && timeout <= max,
  );
  const [first] = hidden;
  if (first === undefined) return [];
  return [
    info({
      read: `${moved.called} has a timeout of ${timeout} ms, and the limit of the check ${first.id} is ${first.max} ms`,
      means: `callers give up before ${armName(canary)} can be as slow as the limit: a slow canary shows as errors 504 at its callers, not as latency`,
      mend: `let the limit of ${first.id} lie below ${timeout} ms`,
      object: refToMoved(moved),
      path: `${moved.path}.timeout`,
    }),
  ];
}

const milliseconds: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration such as `1m30s` or `0.5s` in milliseconds; 0 when it is none. */
function millisOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (milliseconds[unit ?? ''] ?? 0), 0);
}

/**
 * Both are decided after the weights, for each destination by itself.
 * Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings
 */
export const noStickiness: Check = defineCheck({
  id: 'PF-VS-11',
  title: 'No hash or locality setting of the load balancer makes the versions look different',
  family: 'virtual-service',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'info',
  needs: ['destinationRules', 'meshConfig'],
  judge: ({ destinationRules, meshConfig }, subject) => {
    const arms = [subject.stable, subject.canary];
    const rules = destinationRules.filter((rule) => arms.some(({ host }) => covers(rule, host, meshConfig)));
    const failures = rules.flatMap((rule) => balancersOf(rule, subject));
    const names = rules.map(({ metadata }) => nameOf(metadata)).join(', ');
    return orPass(
      bounded(failures),
      `${names || 'no DestinationRule'}: neither consistentHash nor localityLbSetting`,
    );
  },
});

function balancersOf(rule: DestinationRule, subject: Subject): Failure[] {
  const { spec } = rule;
  const ofArms = (spec.subsets ?? []).flatMap(({ name, trafficPolicy }, index) =>
    [subject.stable.subset, subject.canary.subset].includes(name)
      ? [{ policy: trafficPolicy, path: `spec.subsets[${index}].trafficPolicy` }]
      : [],
  );
  const policies = [{ policy: spec.trafficPolicy, path: 'spec.trafficPolicy' }, ...ofArms];
  return policies.flatMap(({ policy, path }) => noteOn(rule, policy, path));
}

function noteOn(
  { metadata }: DestinationRule,
  policy: TrafficPolicy | null | undefined,
  path: string,
): Failure[] {
  const balancer = policy?.loadBalancer;
  const common = {
    mend: `nothing, if it is meant: kubectl -n ${metadata.namespace} get destinationrule ${metadata.name} -o yaml`,
    object: refTo('DestinationRule', metadata),
  };
  const hash = balancer?.consistentHash;
  const locality = balancer?.localityLbSetting;
  const noted: Failure[] = [];
  if (isSet(hash)) {
    noted.push(
      info({
        ...common,
        read: `${nameOf(metadata)} balances by ${JSON.stringify(hash).slice(0, 200)}`,
        means:
          'users keep their pod within a version only: the weights are drawn for each request, so one user may jump between the versions, and a few heavy users may fall on few pods of the canary',
        path: `${path}.loadBalancer.consistentHash`,
      }),
    );
  }
  if (isSet(locality) && !isOff(locality)) {
    noted.push(
      info({
        ...common,
        read: `${nameOf(metadata)} prefers localities: ${JSON.stringify(locality).slice(0, 200)}`,
        means:
          'callers prefer pods of their own zone in each version: a canary with pods in few zones gets its requests over longer ways, which its latency shows',
        path: `${path}.loadBalancer.localityLbSetting`,
      }),
    );
  }
  return noted;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isOff(locality: unknown): boolean {
  return (
    typeof locality === 'object' && locality !== null && 'enabled' in locality && locality.enabled === false
  );
}
