import type { DestinationRule, Labels, TrafficPolicy } from './objects.ts';
import { nameOf } from './select.ts';
import type { Arm, MeshConfig, Subject } from './snapshot.ts';

/** What the DestinationRules of one namespace come to for a host: Istio makes one of all that name the same host. */
export type DecidingRule = {
  /** The oldest first; there is always one. */
  sources: readonly DestinationRule[];
  trafficPolicy: TrafficPolicy | null;
  subsets: readonly {
    name: string;
    labels: Labels;
    trafficPolicy: TrafficPolicy | null;
    source: DestinationRule;
  }[];
};

/** What a client of this namespace obeys when it calls the host; null when no rule is for it. */
export type RuleView = { client: string; rule: DecidingRule | null };

type Asked = Pick<MeshConfig, 'rootNamespace' | 'clusterDomain'>;

/** The full name of an arm's host, as DestinationRules name it. */
export function hostOf({ host, service, podLabels }: Arm, { clusterDomain }: Asked): string {
  return podLabels === null ? host : `${service.name}.${service.namespace}.svc.${clusterDomain}`;
}

/**
 * The rule that proxies of a namespace obey for an arm's host. The client's own namespace goes first, then the
 * Service's, then the root namespace; in each the most specific host wins, and rules in one namespace for one host are
 * merged: the oldest's policy, and all subsets by their first name. Clients of the root namespace obey its rules last,
 * unless those are exported to nobody else. A rule with a workloadSelector is for some pods only and is left out.
 * Source: https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration and
 * istiod's destinationRule and mergeDestinationRule.
 */
export function ruleFor(
  client: string,
  arm: Arm,
  rules: readonly DestinationRule[],
  mesh: Asked,
): DecidingRule | null {
  const host = hostOf(arm, mesh);
  const general = rules.filter(({ spec }) => !spec.workloadSelector);
  const isOwn = client === mesh.rootNamespace ? isForItselfOnly : isForItself;
  const own = general.filter((rule) => rule.metadata.namespace === client && isOwn(rule));
  const exported = (namespace: string) =>
    general.filter((rule) => rule.metadata.namespace === namespace && isVisibleTo(client, rule));
  const inOrder = [own, exported(arm.service.namespace), exported(mesh.rootNamespace)];
  for (const candidates of inOrder) {
    const found = mostSpecific(candidates, host, mesh);
    if (found.length > 0) return merged(found);
  }
  return null;
}

/** What clients obey in the Service's namespace, and in every namespace that has a rule for just this host. */
export function viewsOf(arm: Arm, rules: readonly DestinationRule[], mesh: Asked): RuleView[] {
  return viewsFor(clientsOf([arm], rules, mesh), arm, rules, mesh);
}

/** The same for these namespaces; each rule once, with the first of its clients. */
export function viewsFor(
  clients: readonly string[],
  arm: Arm,
  rules: readonly DestinationRule[],
  mesh: Asked,
): RuleView[] {
  const views = [...new Set(clients)].map((client) => ({ client, rule: ruleFor(client, arm, rules, mesh) }));
  return views.filter(({ rule }, at) => views.findIndex((one) => namesOf(one.rule) === namesOf(rule)) === at);
}

/** What clients obey for both arms, each pair of rules once. */
export function pairsOf(
  { stable, canary }: Pick<Subject, 'stable' | 'canary'>,
  rules: readonly DestinationRule[],
  mesh: Asked,
): { client: string; stable: DecidingRule | null; canary: DecidingRule | null }[] {
  const pairs = clientsOf([stable, canary], rules, mesh).map((client) => ({
    client,
    stable: ruleFor(client, stable, rules, mesh),
    canary: ruleFor(client, canary, rules, mesh),
  }));
  const key = (pair: (typeof pairs)[number]) => `${namesOf(pair.stable)} | ${namesOf(pair.canary)}`;
  return pairs.filter((pair, at) => pairs.findIndex((one) => key(one) === key(pair)) === at);
}

function clientsOf(arms: readonly Arm[], rules: readonly DestinationRule[], mesh: Asked): string[] {
  const hosts = arms.map((arm) => hostOf(arm, mesh));
  const exact = rules.filter((rule) => hosts.includes(hostIn(rule, mesh)));
  const elsewhere = exact.flatMap(({ metadata }) => metadata.namespace ?? []);
  return [...new Set([...arms.map(({ service }) => service.namespace), ...elsewhere.toSorted()])];
}

/** `payment-prod/payment-service`, or several of them; empty for no rule. */
export function namesOf(rule: DecidingRule | null): string {
  return (rule?.sources ?? []).map(({ metadata }) => nameOf(metadata)).join(' and ');
}

/** True for a rule that names just this host, or covers it by a wildcard. */
export function covers(rule: DestinationRule, host: string, mesh: Asked): boolean {
  const pattern = hostIn(rule, mesh);
  return pattern === host || (pattern.startsWith('*') && host.endsWith(pattern.slice(1)));
}

/** Istio completes only names without a dot, by the rule's own namespace. */
export function hostIn({ metadata, spec }: DestinationRule, { clusterDomain }: Asked): string {
  if (spec.host.includes('.') || spec.host === '*') return spec.host;
  return `${spec.host}.${metadata.namespace}.svc.${clusterDomain}`;
}

/** The older first; of two that are equally old the one whose name comes first. */
export function byAge(one: DestinationRule, other: DestinationRule): number {
  return ageKey(one) < ageKey(other) ? -1 : 1;
}

function ageKey({ metadata }: DestinationRule): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}.${metadata.namespace}`;
}

function isForItself({ metadata, spec }: DestinationRule): boolean {
  const to = spec.exportTo ?? [];
  return to.length === 0 || ['*', '.', metadata.namespace].some((name) => name && to.includes(name));
}

function isForItselfOnly({ spec }: DestinationRule): boolean {
  return spec.exportTo?.length === 1 && spec.exportTo[0] === '.';
}

function isVisibleTo(client: string, { metadata, spec }: DestinationRule): boolean {
  const to = spec.exportTo ?? [];
  return (
    to.length === 0 ||
    to.includes('*') ||
    to.includes(client) ||
    (to.includes('.') && metadata.namespace === client)
  );
}

function mostSpecific(rules: readonly DestinationRule[], host: string, mesh: Asked): DestinationRule[] {
  const matching = rules.filter((rule) => covers(rule, host, mesh));
  const exact = matching.filter((rule) => hostIn(rule, mesh) === host);
  if (exact.length > 0) return exact;
  const longest = Math.max(...matching.map((rule) => hostIn(rule, mesh).length));
  return matching.filter((rule) => hostIn(rule, mesh).length === longest);
}

function merged(found: readonly DestinationRule[]): DecidingRule {
  const sources = found.toSorted(byAge);
  const subsets = sources.flatMap((source) =>
    (source.spec.subsets ?? []).map(({ name, labels, trafficPolicy }) => ({
      name,
      labels: labels ?? {},
      trafficPolicy: trafficPolicy ?? null,
      source,
    })),
  );
  const first = new Map(subsets.toReversed().map((subset) => [subset.name, subset]));
  return {
    sources,
    trafficPolicy: sources.find(({ spec }) => spec.trafficPolicy)?.spec.trafficPolicy ?? null,
    subsets: subsets.filter((subset) => first.get(subset.name) === subset),
  };
}
