import { canonical, type Side } from '../arms.ts';
import { sorted } from '../authorization/policies.ts';
import type { LabelSelector, Labels, Namespace, NetworkPolicy } from '../objects.ts';
import { isSelected } from '../select.ts';

export type Direction = 'Ingress' | 'Egress';

/** One direction of a policy: it closes the pods that it selects to all but what its rules name. */
export type Isolation = {
  policy: NetworkPolicy;
  direction: Direction;
  does: string;
  allows: 'nothing' | 'something' | 'everything';
  selectorsFor: (side: Side) => LabelSelector[];
};

/** One rule that names the pods that a policy lets in or out to. */
export type PeerRule = {
  policy: NetworkPolicy;
  direction: Direction;
  index: number;
  ports: unknown;
  selectorsFor: (side: Side) => LabelSelector[];
};

type Rule = { from?: Peers; to?: Peers; [key: string]: unknown };
type Peer = NonNullable<NonNullable<NonNullable<NetworkPolicy['spec']['ingress']>[number]['from']>>[number];
type Peers = readonly Peer[] | null | undefined;

/**
 * Without types a policy is for what comes in, and for what goes out when it has rules for it.
 * Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-resource
 */
export function isolationsOf(policies: readonly NetworkPolicy[]): Isolation[] {
  return sorted(policies).flatMap((policy) =>
    directionsOf(policy).map((direction) => {
      const rules = rulesOf(policy, direction);
      return {
        policy,
        direction,
        does: canonical([direction, rules]),
        allows: rules.length === 0 ? 'nothing' : rules.some(isForEverything) ? 'everything' : 'something',
        selectorsFor: ({ namespace }) =>
          policy.metadata.namespace === namespace ? [policy.spec.podSelector ?? {}] : [],
      };
    }),
  );
}

function directionsOf({ spec }: NetworkPolicy): Direction[] {
  const types = spec.policyTypes ?? [];
  const defaults = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  const wanted = types.length > 0 ? types : defaults;
  return (['Ingress', 'Egress'] as const).filter((direction) => wanted.includes(direction));
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): Rule[] {
  return (direction === 'Ingress' ? spec.ingress : spec.egress) ?? [];
}

function peersOf({ from, to }: Rule, direction: Direction): readonly Peer[] {
  return (direction === 'Ingress' ? from : to) ?? [];
}

function isForEverything(rule: Rule): boolean {
  const ports = rule['ports'];
  const hasPorts = Array.isArray(ports) && ports.length > 0;
  return !hasPorts && (rule.from ?? []).length === 0 && (rule.to ?? []).length === 0;
}

export function peerRulesOf(
  policies: readonly NetworkPolicy[],
  namespaces: readonly Namespace[],
): PeerRule[] {
  const labelsOf = (name: string): Labels => ({
    ...namespaces.find(({ metadata }) => metadata.name === name)?.metadata.labels,
    'kubernetes.io/metadata.name': name,
  });
  return sorted(policies).flatMap((policy) =>
    directionsOf(policy).flatMap((direction) =>
      rulesOf(policy, direction).map((rule, index) => {
        const peers = peersOf(rule, direction);
        return {
          policy,
          direction,
          index,
          ports: rule['ports'] ?? [],
          selectorsFor: (side) =>
            peers.length === 0 ? [{}] : peers.flatMap((peer) => selectorOf(peer, policy, side, labelsOf)),
        };
      }),
    ),
  );
}

/** Without a namespace selector a peer is in the policy's own namespace; an address names no pods. */
function selectorOf(
  { podSelector, namespaceSelector, ipBlock }: Peer,
  policy: NetworkPolicy,
  { namespace }: Side,
  labelsOf: (namespace: string) => Labels,
): LabelSelector[] {
  if (ipBlock) return [];
  const isHere = namespaceSelector
    ? isSelected(labelsOf(namespace), namespaceSelector)
    : policy.metadata.namespace === namespace;
  return isHere ? [podSelector ?? {}] : [];
}

/** True where one rule holds for all that the other holds for. */
export function isAsWide(wide: PeerRule, narrow: PeerRule): boolean {
  const isOf = (rule: PeerRule) => canonical(rule.policy.spec.podSelector ?? {});
  return (
    wide.direction === narrow.direction &&
    wide.policy.metadata.namespace === narrow.policy.metadata.namespace &&
    [isOf(narrow), '{}'].includes(isOf(wide)) &&
    [canonical(narrow.ports), '[]'].includes(canonical(wide.ports))
  );
}
