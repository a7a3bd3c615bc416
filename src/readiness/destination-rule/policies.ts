import { defineCheck } from '../check.ts';
import { type DecidingRule, pairsOf, viewsOf } from '../destination-rules-of.ts';
import { podsBehind } from '../endpoint-pods.ts';
import type { Failure } from '../finding.ts';
import { orPass, refTo, skip, warn } from '../judgement.ts';
import type { OutlierDetection, PortPolicy } from '../objects.ts';
import { hasLabels } from '../select.ts';
import type { Arm } from '../snapshot.ts';
import { policyAt } from '../traffic-policy.ts';
import { portPairsOf } from '../workload-ports.ts';
import { armWords, bounded, countWords } from './words.ts';

/** What both arms get once the rule and the subset are put together is compared, not how it is written down. */
export const policiesAreEqual = defineCheck({
  id: 'PF-DR-05',
  title: 'Callers treat stable and the canary alike: pools, outliers, load balancing',
  family: 'destination-rule',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['destinationRules', 'meshConfig', 'services'],
  judge: ({ destinationRules, meshConfig, services }, subject) => {
    const pairs = pairsOf(subject, destinationRules, meshConfig);
    const ports = portPairsOf(subject.canary, services, []).map(({ service }) => service);
    const found = pairs.flatMap((pair) =>
      (ports.length > 0 ? ports : [0]).flatMap((port) => {
        const ofStable = policyAt(pair.stable, subject.stable.subset, port);
        const ofCanary = policyAt(pair.canary, subject.canary.subset, port);
        return differences(ofStable, ofCanary).map((field) => ({ field, ofStable, ofCanary, pair }));
      }),
    );
    const failures = found.map(({ field, ofStable, ofCanary, pair }) =>
      unequal(field, { ofStable, ofCanary }, { rule: pair.canary ?? pair.stable, ...subject }),
    );
    const unique = failures.filter((one, at) => failures.findIndex(({ read }) => read === one.read) === at);
    return orPass(
      bounded(unique),
      `${armWords(subject.stable)} and ${armWords(subject.canary)} have equal policies`,
    );
  },
});

/**
 * With one pod, proxies before Envoy 1.31 (Istio 1.23) eject it whatever the limit, unless that is 0; later ones only
 * when the limit is 100 %. Clients may be two minor versions behind istiod. Under minHealthPercent the ejected pods
 * are used all the same.
 * Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection and
 * https://www.envoyproxy.io/docs/envoy/latest/version_history/v1.31/v1.31
 */
export const ejectionLeavesPods = defineCheck({
  id: 'PF-DR-06',
  title: 'Outlier detection cannot eject every pod of the canary',
  family: 'destination-rule',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['destinationRules', 'meshConfig', 'services', 'endpoints', 'pods', 'proxyVersions'],
  judge: (seen, { canary }) => {
    if (canary.podLabels === null) return [skip(`${canary.host} has no pods in the cluster`)];
    const views = viewsOf(canary, seen.destinationRules, seen.meshConfig);
    const ports = portPairsOf(canary, seen.services, []).map(({ service }) => service);
    const behind = podsBehind(canary, seen.endpoints, seen.pods).filter(({ isReady }) => isReady);
    const found = views.flatMap(({ rule }) =>
      (ports.length > 0 ? ports : [0]).flatMap((port) => {
        const detection = policyAt(rule, canary.subset, port).outlierDetection ?? null;
        return detection === null || !isOn(detection) ? [] : [{ rule, detection }];
      }),
    );
    if (found.length === 0) return [skip(`no outlier detection for ${armWords(canary)}`)];
    const labels = views[0]?.rule?.subsets.find(({ name }) => name === canary.subset)?.labels ?? {};
    const ready = behind.filter(({ pod }) => hasLabels(pod.metadata.labels, labels)).length;
    const bad = found.filter(({ detection }) => mayEmpty(detection, ready, seen.proxyVersions.istiod));
    const failures = bad.map((one) => emptied(one, ready, canary));
    const unique = failures.filter((one, at) => failures.findIndex(({ read }) => read === one.read) === at);
    const limit = found[0]?.detection.maxEjectionPercent ?? defaultPercent;
    return orPass(
      unique,
      `at most ${limit} % of ${countWords(ready, 'ready pod')} of ${canary.version} can be ejected`,
    );
  },
});

/** Istio's own when the field is absent. */
const defaultPercent = 10;

/** Only the count of 5xx has a default that is not off. */
function isOn(detection: OutlierDetection): boolean {
  const { consecutive5xxErrors, consecutiveGatewayErrors, splitExternalLocalOriginErrors } = detection;
  return (
    consecutive5xxErrors !== 0 || Boolean(consecutiveGatewayErrors) || splitExternalLocalOriginErrors === true
  );
}

function mayEmpty(
  { maxEjectionPercent, minHealthPercent }: OutlierDetection,
  ready: number,
  istiod: string | null,
): boolean {
  const percent = maxEjectionPercent ?? defaultPercent;
  if (minHealthPercent) return false;
  return percent >= 100 || (ready <= 1 && percent > 0 && !ejectsNoSinglePod(istiod));
}

function ejectsNoSinglePod(istiod: string | null): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(istiod ?? '') ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 25);
}

function emptied(
  { rule, detection }: { rule: DecidingRule | null; detection: OutlierDetection },
  ready: number,
  canary: Arm,
): Failure {
  const source = rule?.subsets.find(({ name }) => name === canary.subset)?.source ?? rule?.sources[0];
  const percent = detection.maxEjectionPercent ?? defaultPercent;
  const said = detection.maxEjectionPercent === undefined || detection.maxEjectionPercent === null;
  const name = source?.metadata.name ?? canary.service.name;
  return warn({
    read: `${countWords(ready, 'ready pod')} of ${canary.version}, and maxEjectionPercent is ${percent} %${said ? ', the default' : ''}: all of them can be ejected`,
    means: `a few errors in a row and callers send the canary nothing and answer 503 themselves: the canary's error rate jumps, and the rollout goes back for what may be one bad minute`,
    mend: `run more pods of ${canary.version}, or let ejected pods be used when too few are left: kubectl -n ${source?.metadata.namespace ?? canary.service.namespace} edit destinationrule ${name}, outlierDetection.minHealthPercent: 50`,
    ...(source === undefined
      ? {}
      : { object: refTo('DestinationRule', source.metadata), path: 'spec.trafficPolicy.outlierDetection' }),
  });
}

function differences(one: PortPolicy, other: PortPolicy): string[] {
  const fields = [...new Set([...Object.keys(one), ...Object.keys(other)])].toSorted();
  return fields.filter((field) => sorted(one[field]) !== sorted(other[field]));
}

/** The same text for the same value, whatever the order of its keys; the empty one for what is not set. */
function sorted(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
  return text === '{}' ? '' : text;
}

function unequal(
  field: string,
  { ofStable, ofCanary }: { ofStable: PortPolicy; ofCanary: PortPolicy },
  { rule, stable, canary }: { rule: DecidingRule | null; stable: Arm; canary: Arm },
): Failure {
  const source = rule?.subsets.find(({ name }) => name === canary.subset)?.source ?? rule?.sources[0];
  const words = (policy: PortPolicy) => sorted(policy[field]) || 'not set';
  const { namespace } = canary.service;
  return warn({
    read: `${field} of ${stable.version} is ${words(ofStable)}, of ${canary.version} ${words(ofCanary)}`,
    means: `callers treat both versions differently, so a difference in P99 or errors may come from ${field} and not from ${canary.version}`,
    mend: `make them equal, or waive this check when it is meant: kubectl -n ${source?.metadata.namespace ?? namespace} edit destinationrule ${source?.metadata.name ?? canary.service.name}`,
    ...(source === undefined
      ? {}
      : {
          object: refTo('DestinationRule', source.metadata),
          path: `spec.subsets[${canary.subset}].trafficPolicy.${field}`,
        }),
  });
}
