import { defineCheck } from '../check.ts';
import {
  byAge,
  covers,
  type DecidingRule,
  hostOf,
  namesOf,
  type RuleView,
  viewsFor,
} from '../destination-rules-of.ts';
import type { Failure } from '../finding.ts';
import { orPass, refTo, warn } from '../judgement.ts';
import type { DestinationRule } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Arm, MeshConfig } from '../snapshot.ts';
import { clientNamespaces } from './clients.ts';
import { bounded, labelWords } from './words.ts';

type Around = { rules: readonly DestinationRule[]; mesh: MeshConfig; clients: readonly string[] };

/**
 * A wildcard of the root or the Service's namespace never outdoes a rule for the host itself; one of a caller's own
 * namespace does, as any rule there. Rules of one namespace are merged, so that only what both say is lost.
 * Source: https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration
 */
export const oneRuleDecides = defineCheck({
  id: 'PF-DR-03',
  title: 'One DestinationRule decides for the host, whoever calls',
  family: 'destination-rule',
  priority: 'P1',
  codes: ['KIA0201'],
  again: false,
  severity: 'warn',
  needs: ['destinationRules', 'meshConfig', 'callers'],
  judge: ({ destinationRules, meshConfig, callers }, { stable, canary }) => {
    const arms = stable.host === canary.host ? [stable] : [stable, canary];
    const judged = arms.map((arm) => {
      const clients = clientNamespaces(callers, arm);
      const around = { rules: destinationRules.toSorted(byAge), mesh: meshConfig, clients };
      const views = viewsFor(clients, arm, around.rules, meshConfig);
      const needed = [stable, canary].filter(({ host }) => host === arm.host);
      const failures = [...merging(views), ...shadowing(views, arm, needed), ...selecting(arm, around)];
      return { failures, read: readOf(views, arm, clients) };
    });
    const failures = bounded(judged.flatMap((one) => one.failures));
    return orPass(failures, judged.map(({ read }) => read).join('; '));
  },
});

/** Two rules of one namespace: what the younger says of a subset or of the whole host is lost where the older did. */
function merging(views: readonly RuleView[]): Failure[] {
  return views.flatMap(({ rule }) => (rule === null ? [] : rule.sources.slice(1).flatMap(lostOf(rule))));
}

function lostOf(rule: DecidingRule): (source: DestinationRule) => Failure[] {
  return (source) => {
    const lost = lostSubsets(rule, source);
    const policy = rule.sources.find(({ spec }) => spec.trafficPolicy) ?? source;
    const isPolicyLost = Boolean(source.spec.trafficPolicy) && policy !== source;
    if (lost.length === 0 && !isPolicyLost) return [];
    const parts = [...lost.map((name) => `subset ${name}`), ...(isPolicyLost ? ['trafficPolicy'] : [])];
    const first = lost.length > 0 ? firstWith(rule, lost[0]) : nameOf(policy.metadata);
    return [ignored(source, first, parts)];
  };
}

function lostSubsets(rule: DecidingRule, source: DestinationRule): string[] {
  const names = (source.spec.subsets ?? []).map(({ name }) => name);
  return names.filter((name) => rule.subsets.some((one) => one.name === name && one.source !== source));
}

function ignored({ metadata, spec }: DestinationRule, first: string, parts: readonly string[]): Failure {
  const { namespace, name } = metadata;
  return warn({
    read: `${nameOf(metadata)} and ${first} are both for ${spec.host}: ${parts.join(' and ')} of ${nameOf(metadata)} is ignored, for it is the younger`,
    means: `who changes ${nameOf(metadata)} in the rollout changes nothing, and deleting the other one changes where requests for the subsets go`,
    mend: `merge both into one: kubectl -n ${namespace} get destinationrule -o yaml, then kubectl -n ${namespace} delete destinationrule ${name}`,
    object: refTo('DestinationRule', metadata),
    path: parts[0]?.startsWith('subset') ? 'spec.subsets' : 'spec.trafficPolicy',
  });
}

function firstWith(rule: DecidingRule, subset: string | undefined): string {
  const source = rule.subsets.find(({ name }) => name === subset)?.source;
  return source === undefined ? namesOf(rule) : nameOf(source.metadata);
}

/** Callers of one namespace that obey another rule than the rest. */
function shadowing([usual, ...others]: readonly RuleView[], arm: Arm, needed: readonly Arm[]): Failure[] {
  return others.map(({ client, rule }) => {
    const source = rule?.sources[0];
    const known = rule?.subsets.map(({ name }) => name) ?? [];
    const missing = needed.flatMap(({ subset }) =>
      subset === null || known.includes(subset) ? [] : [subset],
    );
    const instead = namesOf(usual?.rule ?? null) || 'no rule';
    const reach =
      missing.length > 0
        ? `it has no subset ${missing.join(' and ')}, so their requests for it are answered 503`
        : 'what it says of pools, outliers and TLS holds for them and not what the other says, so both versions are judged by two sorts of callers';
    return warn({
      read: `callers in ${client} obey ${namesOf(rule) || 'no DestinationRule'} for ${arm.service.namespace}/${arm.service.name}, those in ${arm.service.namespace} ${instead}`,
      means: `for callers in ${client} another rule decides: ${reach}`,
      mend:
        source === undefined
          ? `export the rule to them: kubectl -n ${arm.service.namespace} edit destinationrule, spec.exportTo`
          : `merge it into the rule beside the Service and delete it: kubectl -n ${source.metadata.namespace} delete destinationrule ${source.metadata.name}`,
      ...(source === undefined
        ? {}
        : { object: refTo('DestinationRule', source.metadata), path: 'spec.host' }),
    });
  });
}

/** Rules for some pods of a caller only. */
function selecting(arm: Arm, { rules, mesh, clients }: Around): Failure[] {
  const host = hostOf(arm, mesh);
  const chosen = rules.filter(
    ({ metadata, spec }) => spec.workloadSelector && clients.includes(metadata.namespace ?? ''),
  );
  return chosen
    .filter((rule) => covers(rule, host, mesh))
    .map(({ metadata, spec }) =>
      warn({
        read: `${nameOf(metadata)} is for ${host} as pods with ${labelWords(spec.workloadSelector?.matchLabels ?? {})} in ${metadata.namespace} call it`,
        means: 'these pods obey it instead of the rule that all others obey, with its subsets and its TLS',
        mend: `see that it has both subsets, or delete it: kubectl -n ${metadata.namespace} get destinationrule ${metadata.name} -o yaml`,
        object: refTo('DestinationRule', metadata),
        path: 'spec.workloadSelector',
      }),
    );
}

function readOf(views: readonly RuleView[], { service }: Arm, clients: readonly string[]): string {
  const name = namesOf(views[0]?.rule ?? null) || 'no DestinationRule';
  return `${name} decides for ${service.namespace}/${service.name}, for clients in ${clients.join(', ')}`;
}
