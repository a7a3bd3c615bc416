import { defineCheck } from '../check.ts';
import { type DecidingRule, namesOf, pairsOf, viewsOf } from '../destination-rules-of.ts';
import { type PodBehind, podsBehind } from '../endpoint-pods.ts';
import type { Judgement } from '../finding.ts';
import { error, orPass, refTo, skip, warn } from '../judgement.ts';
import type { DestinationRule, EndpointSlice, Labels, Pod } from '../objects.ts';
import { hasLabels } from '../select.ts';
import type { Arm, FactName, MeshConfig, Subject } from '../snapshot.ts';
import { armWords, countWords, labelWords, listWords, selectorFlag } from './words.ts';

type Seen = {
  destinationRules: DestinationRule[];
  meshConfig: MeshConfig;
  endpoints: EndpointSlice[];
  pods: Pod[];
};

const needs = ['destinationRules', 'meshConfig', 'endpoints', 'pods'] as const;

/**
 * Kiali's KIA0203 and istioctl's IST0173 look at pods; what takes requests is what is ready behind the Service.
 * Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset
 */
export const subsetsHaveReadyPods = defineCheck({
  id: 'PF-DR-01',
  title: 'Each subset selects at least one ready pod behind its Service',
  family: 'destination-rule',
  priority: 'P0',
  codes: ['KIA0203', 'IST0173'],
  again: true,
  severity: 'error',
  needs,
  failsByAbsence: true,
  judge: (seen, subject) => {
    const arms = [subject.stable, subject.canary].filter(({ podLabels }) => podLabels !== null);
    if (arms.length === 0) return [skip('neither destination has pods: their hosts are of ServiceEntries')];
    const found = arms.map((arm) => readyPodsOf(arm, seen));
    const failures = found.flatMap(({ failures }) => failures);
    return orPass(failures, found.map(({ read }) => read).join('; '));
  },
});

/** A request for a subset that a client does not know, or that has no pod, is answered 503. */
export const subsetsAreDisjoint = defineCheck({
  id: 'PF-DR-02',
  title: 'The pods of stable and of the canary are not the same, and no pod behind the Service is neither',
  family: 'destination-rule',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs,
  judge: (seen, subject) => {
    const { stable, canary } = subject;
    if (stable.podLabels === null || canary.podLabels === null) {
      return [skip('a destination has no pods: its host is of a ServiceEntry')];
    }
    return pairsOf(subject, seen.destinationRules, seen.meshConfig)
      .filter((pair) => knows(pair.stable, stable) && knows(pair.canary, canary))
      .flatMap((pair) => shared(pair, subject, seen))
      .concat(unlessSome(subject, seen));
  },
});

function unlessSome(subject: Subject, { destinationRules, meshConfig }: Seen): Judgement[] {
  const { stable, canary } = subject;
  const pairs = pairsOf(subject, destinationRules, meshConfig);
  const isKnown = pairs.some((pair) => knows(pair.stable, stable) && knows(pair.canary, canary));
  return isKnown
    ? []
    : [skip('no DestinationRule has both subsets: PF-DR-01 and PF-VS-04 say which is missing')];
}

function knows(rule: DecidingRule | null, { subset }: Arm): boolean {
  return subset === null || labelsOf(rule, subset) !== null;
}

function labelsOf(rule: DecidingRule | null, subset: string | null): Labels | null {
  if (subset === null) return {};
  return rule?.subsets.find(({ name }) => name === subset)?.labels ?? null;
}

function readyPodsOf(arm: Arm, seen: Seen): { failures: Judgement[]; read: string } {
  const behind = podsBehind(arm, seen.endpoints, seen.pods);
  const views = viewsOf(arm, seen.destinationRules, seen.meshConfig).filter(({ rule }) => knows(rule, arm));
  const failures = views.flatMap(({ rule }) => withoutReady(arm, rule, { behind, pods: seen.pods }));
  if (views.length === 0) return { failures: [noSuchSubset(arm, seen)], read: '' };
  const selected = selectedBy(views[0]?.rule ?? null, arm, behind);
  const ready = selected.filter(({ isReady }) => isReady).length;
  return { failures, read: `${armWords(arm)} has ${ready} of ${countWords(selected.length, 'pod')} ready` };
}

function selectedBy(rule: DecidingRule | null, { subset }: Arm, behind: readonly PodBehind[]): PodBehind[] {
  const labels = labelsOf(rule, subset);
  return behind.filter(({ pod }) => labels !== null && hasLabels(pod.metadata.labels, labels));
}

function noSuchSubset(arm: Arm, { destinationRules, meshConfig }: Seen): Judgement {
  const rule = viewsOf(arm, destinationRules, meshConfig).find((view) => view.rule !== null)?.rule ?? null;
  const has = rule?.subsets.map(({ name }) => name) ?? [];
  const rules = rule === null ? 'no DestinationRule is for its host' : `${namesOf(rule)} has ${listed(has)}`;
  const source = rule?.sources[0];
  return error({
    read: `${armWords(arm)} is in no DestinationRule: ${rules}`,
    means: `requests for ${arm.version} find no cluster and are answered 503`,
    mend: `add the subset with the labels of its pods: kubectl -n ${arm.service.namespace} edit destinationrule ${source?.metadata.name ?? arm.service.name}`,
    ...(source === undefined
      ? {}
      : { object: refTo('DestinationRule', source.metadata), path: 'spec.subsets' }),
    undoneBy: ['destinationRules'],
  });
}

function listed(subsets: readonly string[]): string {
  return subsets.length === 0 ? 'no subsets' : `the subsets ${listWords(subsets)}`;
}

function withoutReady(
  arm: Arm,
  rule: DecidingRule | null,
  { behind, pods }: { behind: readonly PodBehind[]; pods: readonly Pod[] },
): Judgement[] {
  const selected = selectedBy(rule, arm, behind);
  if (selected.some(({ isReady }) => isReady)) return [];
  const source = rule?.subsets.find(({ name }) => name === arm.subset)?.source;
  const labels = labelsOf(rule, arm.subset) ?? {};
  const { name, namespace } = arm.service;
  const anywhere = pods.filter(
    ({ metadata }) => metadata.namespace === namespace && hasLabels(metadata.labels, labels),
  );
  const why =
    selected.length > 0
      ? `${countWords(selected.length, 'pod')} behind ${namespace}/${name} and none is ready`
      : `no pod behind ${namespace}/${name}, and ${countWords(anywhere.length, 'pod')} of the namespace`;
  return [
    error({
      read: `${armWords(arm)} selects ${labelWords(labels)}: ${why}; at least 1 ready pod is needed`,
      means: `requests that go to ${arm.version} are answered 503, for there is nobody to take them`,
      mend: `compare the labels and see why no pod is ready: kubectl -n ${namespace} get pods${selectorFlag(labels)} --show-labels; kubectl -n ${namespace} get endpointslices -l kubernetes.io/service-name=${name}`,
      ...(source === undefined ? {} : { object: refTo('DestinationRule', source.metadata) }),
      ...(source === undefined ? {} : { path: `spec.subsets[${arm.subset}].labels` }),
      undoneBy: undoingReady(arm, behind),
    }),
  ];
}

/** Where nothing that canaryd itself counts to the version is ready, no rule that was not read gives it a pod. */
function undoingReady({ podLabels }: Arm, behind: readonly PodBehind[]): FactName[] {
  const own = behind.filter(({ pod }) => hasLabels(pod.metadata.labels, podLabels));
  const isReady = own.some((one) => one.isReady);
  return isReady ? ['destinationRules', 'endpoints', 'pods'] : ['endpoints', 'pods'];
}

type Pair = { client: string; stable: DecidingRule | null; canary: DecidingRule | null };

function shared(pair: Pair, { stable, canary }: Subject, { endpoints, pods }: Seen): Judgement[] {
  const namesBehind = (arm: Arm, rule: DecidingRule | null) =>
    selectedBy(rule, arm, podsBehind(arm, endpoints, pods)).map(({ pod }) => pod.metadata.name);
  const ofStable = namesBehind(stable, pair.stable);
  const ofCanary = namesBehind(canary, pair.canary);
  if (ofStable.length === 0 || ofCanary.length === 0) {
    return [skip('a destination has no pods behind its Service, as PF-DR-01 says')];
  }
  const both = ofStable.filter((name) => ofCanary.includes(name));
  const others = [...(pair.stable?.subsets ?? []), ...(pair.canary?.subsets ?? [])].map(
    ({ labels }) => labels,
  );
  const rest = [stable, canary]
    .flatMap((arm) => podsBehind(arm, endpoints, pods))
    .filter(({ pod }) => ![...ofStable, ...ofCanary].includes(pod.metadata.name))
    .filter(({ pod }) => !others.some((labels) => hasLabels(pod.metadata.labels, labels)))
    .map(({ pod }) => pod.metadata.name);
  const failures = [...overlap(both, pair, { stable, canary }), ...strangers([...new Set(rest)], stable)];
  const read = `${countWords(ofStable.length, 'pod')} of ${stable.version} and ${countWords(ofCanary.length, 'pod')} of ${canary.version} behind the Service, none of them both`;
  return orPass(failures, read);
}

function overlap(
  both: readonly string[],
  pair: Pair,
  { stable, canary }: Pick<Subject, 'stable' | 'canary'>,
): Judgement[] {
  if (both.length === 0) return [];
  const source = (pair.canary ?? pair.stable)?.sources[0];
  return [
    error({
      read: `both ${armWords(stable)} and ${armWords(canary)} select ${countWords(both.length, 'pod')}: ${listWords(both)}`,
      means: `the weight does not choose the version: users who should stay on ${stable.version} reach ${canary.version} or the reverse, and going back would not take them off it`,
      mend: `give each subset a label that only its own pods have, such as version: kubectl -n ${stable.service.namespace} edit destinationrule ${source?.metadata.name ?? stable.service.name}`,
      ...(source === undefined
        ? {}
        : { object: refTo('DestinationRule', source.metadata), path: 'spec.subsets' }),
    }),
  ];
}

function strangers(rest: readonly string[], { service }: Arm): Judgement[] {
  if (rest.length === 0) return [];
  return [
    warn({
      read: `${service.namespace}/${service.name} sends to ${countWords(rest.length, 'pod')} that no subset selects: ${listWords(rest)}`,
      means:
        'callers outside of the mesh and routes without a subset reach them, and nothing that is measured of the two versions shows it',
      mend: `delete them, or give them a subset of their own: kubectl -n ${service.namespace} get pods ${rest[0]} --show-labels`,
      object: { kind: 'Pod', namespace: service.namespace, name: rest[0] ?? '' },
      path: 'metadata.labels',
    }),
  ];
}
