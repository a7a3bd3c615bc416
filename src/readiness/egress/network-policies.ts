import {
  type Comparison,
  compare,
  reachOf,
  reachWords,
  type Side,
  type Sides,
  sidesOf,
  withoutPods,
} from '../arms.ts';
import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, info, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { LabelSelector, NetworkPolicy } from '../objects.ts';
import { nameOf } from '../select.ts';
import { selectBoth } from '../selector-mend.ts';
import {
  type Direction,
  type Isolation,
  isAsWide,
  isolationsOf,
  type PeerRule,
  peerRulesOf,
} from './network-policy-parts.ts';

type LeftOut = Extract<Comparison, { kind: 'leftOut' }>;
type Selects = { selectorsFor: (side: Side) => LabelSelector[] };

/**
 * Both directions of each policy on the labels of both versions, and the rules of others that name these pods. That the
 * network enforces policies is not known: where it does not, the finding is to be waived.
 * Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export const networkPolicies = defineCheck({
  id: 'PF-EG-03',
  title: 'NetworkPolicies treat both versions alike, in and out',
  family: 'egress',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['networkPolicies', 'pods', 'namespaces'],
  judge: ({ networkPolicies: policies, pods, namespaces }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const isolations = isolationsOf(policies);
    const rules = peerRulesOf(policies, namespaces);
    const judged = [
      ...kinds(isolations).flatMap((alike) => judgeIsolation(alike, isolations, sides)),
      ...rules.flatMap((rule) => judgeRule(rule, rules, sides)),
    ];
    const failures = judged.flatMap((one) => (one.result === 'fail' ? [one] : []));
    const unsure = judged.filter(({ result }) => result === 'unknown');
    const words = `${sides.stable.version} and ${sides.canary.version}`;
    return orPass(
      [...bounded(failures), ...unsure],
      `${policies.length} NetworkPolicies, none of which tells ${words} apart`,
    );
  },
});

/** Policies that do the same in a direction: what one leaves out, another of them may reach. */
function kinds(isolations: readonly Isolation[]): Isolation[][] {
  const keys = [...new Set(isolations.map(({ does }) => does))];
  return keys.map((key) => isolations.filter(({ does }) => does === key));
}

function reachBy(some: readonly Selects[], { stable, canary }: Sides) {
  const of = (side: Side) =>
    reachOf(
      side,
      some.flatMap((one) => one.selectorsFor(side)),
    );
  return { stable: of(stable), canary: of(canary) };
}

function isReaching(one: Selects, side: Side): boolean {
  return ['all', 'some'].includes(reachOf(side, one.selectorsFor(side)));
}

function judgeIsolation(alike: readonly Isolation[], all: readonly Isolation[], sides: Sides): Judgement[] {
  const reach = reachBy(alike, sides);
  const comparison = compare(sides, reach);
  const first = alike.find((one) =>
    [sides.stable, sides.canary].some((side) => reachOf(side, one.selectorsFor(side)) !== 'none'),
  );
  if (comparison.kind === 'alike' || first === undefined) return [];
  const { policy, direction } = first;
  const read = `NetworkPolicy ${nameOf(policy.metadata)} (${direction}) selects ${reachWords(sides, reach)}`;
  if (comparison.kind === 'unsure') return [notYet(read)];
  const failure = {
    read,
    mend: mendOf(policy, sides),
    object: refTo('NetworkPolicy', policy.metadata),
    path: 'spec.podSelector',
  };
  if (comparison.kind !== 'leftOut')
    return [
      warn({ ...failure, means: 'what the network lets through depends on the pod, in both versions' }),
    ];
  const others = all.filter((one) => one.direction === direction && !alike.includes(one));
  return [isolated(failure, first, comparison, others)];
}

function isolated(
  failure: Omit<Failure, 'result' | 'severity' | 'means'>,
  { direction, allows, policy }: Isolation,
  { selected, left }: LeftOut,
  others: readonly Isolation[],
): Failure {
  const closers = others.filter((one) => isReaching(one, left));
  const closed = closers.some((one) => one.allows === 'everything') ? undefined : closers[0];
  if (closed === undefined) {
    const isOpen =
      allows === 'everything' ||
      others.some((one) => one.allows === 'everything' && isReaching(one, selected));
    if (isOpen)
      return info({
        ...failure,
        means: 'it makes no difference today: both versions are open in this direction',
      });
    return error({
      ...failure,
      means: `nothing closes ${left.version} in this direction: ${openWords[direction](selected.version, left.version)}`,
    });
  }
  if (allows === 'nothing') {
    return info({
      ...failure,
      means: `it makes no difference today: ${nameOf(closed.policy.metadata)} closes ${left.version} as well`,
    });
  }
  const only = `what only ${nameOf(policy.metadata)} lets through`;
  return error({
    ...failure,
    means: `${nameOf(closed.policy.metadata)} closes ${left.version}: ${only} works for ${selected.version}, and for ${left.version} it ends in timeouts (${directionWords[direction]})`,
  });
}

const directionWords: Record<Direction, string> = {
  Ingress: 'connections to its pods',
  Egress: 'connections from its pods',
};

const openWords: Record<Direction, (selected: string, left: string) => string> = {
  Ingress: (selected, left) => `every pod may connect to ${left}, also those that ${selected} is closed to`,
  Egress: (selected, left) => `${left} may connect to everything, also to what ${selected} may not reach`,
};

function judgeRule(rule: PeerRule, all: readonly PeerRule[], sides: Sides): Judgement[] {
  const { policy, direction, index } = rule;
  const own = reachBy([rule], sides);
  if (compare(sides, own).kind === 'alike') return [];
  const reach = reachBy(
    all.filter((other) => isAsWide(other, rule)),
    sides,
  );
  const comparison = compare(sides, reach);
  if (comparison.kind === 'alike') return [];
  const read = `rule ${index + 1} (${direction}) of NetworkPolicy ${nameOf(policy.metadata)} names ${reachWords(sides, reach)}`;
  if (comparison.kind === 'unsure') return [notYet(read)];
  const path = direction === 'Ingress' ? `spec.ingress[${index}].from` : `spec.egress[${index}].to`;
  const failure = {
    read,
    mend: `let the rule name both versions: ${edit(policy)}; where the network does not enforce NetworkPolicies, waive PF-EG-03`,
    object: refTo('NetworkPolicy', policy.metadata),
    path,
  };
  if (comparison.kind !== 'leftOut')
    return [warn({ ...failure, means: 'whether it holds depends on the pod, in both versions' })];
  const { selected, left } = comparison;
  const what = direction === 'Ingress' ? 'connections from' : 'connections to';
  return [
    error({
      ...failure,
      means: `${what} ${selected.version} get through and ${what} ${left.version} end in timeouts, unless a wider policy lets them through`,
    }),
  ];
}

function notYet(read: string): Judgement {
  return unknown(
    `${read}; a version without pods does not show all its labels`,
    'start one pod of each version and ask again',
  );
}

function mendOf(policy: NetworkPolicy, sides: Sides): string {
  const selector = policy.spec.podSelector;
  const labels = selector?.matchLabels ?? {};
  const isPlain = (selector?.matchExpressions ?? []).length === 0;
  const path = ['spec', 'podSelector', 'matchLabels'];
  const change = isPlain
    ? selectBoth({ resource: 'networkpolicy', metadata: policy.metadata, path, labels }, sides)
    : `let spec.podSelector select both versions: ${edit(policy)}`;
  return `${change}; where the network does not enforce NetworkPolicies, waive PF-EG-03`;
}

function edit({ metadata }: NetworkPolicy): string {
  return `kubectl -n ${metadata.namespace ?? 'default'} edit networkpolicy ${metadata.name}`;
}
