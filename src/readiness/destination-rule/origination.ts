import { defineCheck } from '../check.ts';
import { byAge, covers, hostIn, hostOf } from '../destination-rules-of.ts';
import type { Failure } from '../finding.ts';
import { orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { DestinationRule, TrafficPolicy } from '../objects.ts';
import { nameOf } from '../select.ts';
import { bounded, listWords } from './words.ts';

type Tls = NonNullable<TrafficPolicy['tls']>;
type Origination = { rule: DestinationRule; tls: Tls; path: string };

/**
 * Since 1.21 istiod lets proxies verify servers by the system's authorities when no others are named; before, nothing
 * was verified. Source: https://istio.io/latest/news/releases/1.21.x/announcing-1.21/upgrade-notes/
 */
export const originationHasAuthority = defineCheck({
  id: 'PF-DR-07',
  title: 'Where proxies open TLS themselves, they verify the server',
  family: 'destination-rule',
  priority: 'P1',
  codes: ['IST0128', 'IST0129'],
  again: false,
  severity: 'warn',
  needs: ['destinationRules', 'meshConfig', 'callees', 'proxyVersions'],
  judge: ({ destinationRules, meshConfig, callees, proxyVersions }, { stable, canary }) => {
    const called = callees.map(({ host }) => host);
    const hosts = [hostOf(stable, meshConfig), hostOf(canary, meshConfig), ...called];
    const rules = destinationRules
      .filter((rule) => hosts.some((host) => covers(rule, host, meshConfig)))
      .toSorted(byAge);
    const all = rules.flatMap(originationsOf);
    if (all.length === 0)
      return [skip('no DestinationRule for the service or what it calls opens TLS itself')];
    const skipped = all.filter(({ tls }) => tls.insecureSkipVerify === true);
    const bare = all.filter(({ tls }) => !hasAuthority(tls) && tls.insecureSkipVerify !== true);
    const bySystem = usesSystem(proxyVersions.istiod);
    const unverified = bySystem === false ? [...skipped, ...bare] : skipped;
    const failures = bounded(unverified.map((one) => notVerified(one, hostIn(one.rule, meshConfig))));
    const names = listWords([...new Set(all.map(({ rule }) => nameOf(rule.metadata)))]);
    if (bySystem === null && bare.length > 0) return [...failures, undecided(bare)];
    const how = bare.length > 0 ? "the system's authorities, as Istio does since 1.21" : 'named authorities';
    return orPass(failures, `${names} verify servers by ${how}`);
  },
});

function originationsOf(rule: DestinationRule): Origination[] {
  const { trafficPolicy, subsets } = rule.spec;
  const policies = [
    { policy: trafficPolicy, path: 'spec.trafficPolicy' },
    ...(subsets ?? []).map((subset) => ({
      policy: subset.trafficPolicy,
      path: `spec.subsets[${subset.name}].trafficPolicy`,
    })),
  ];
  return policies
    .flatMap(({ policy, path }) => [
      { tls: policy?.tls, path: `${path}.tls` },
      ...(policy?.portLevelSettings ?? []).map(({ tls, port }) => ({
        tls,
        path: `${path}.portLevelSettings[${port?.number}].tls`,
      })),
    ])
    .flatMap(({ tls, path }) =>
      tls && (tls.mode === 'SIMPLE' || tls.mode === 'MUTUAL') ? [{ rule, tls, path }] : [],
    );
}

/** A credential holds the authority beside the client's certificate. */
function hasAuthority({ caCertificates, credentialName }: Tls): boolean {
  return Boolean(caCertificates) || Boolean(credentialName);
}

function usesSystem(istiod: string | null): boolean | null {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(istiod ?? '') ?? [];
  if (major === undefined) return null;
  return Number(major) > 1 || Number(minor) >= 21;
}

function undecided(bare: readonly Origination[]) {
  const names = listWords(bare.map(({ rule, path }) => `${nameOf(rule.metadata)} ${path}`));
  return unknown(
    `no authority is named in ${names}, and the version of istiod, which says whether the system's are used, is not known`,
    'set caCertificates: system there, or let canaryd read the version of istiod',
  );
}

function notVerified({ rule, tls, path }: Origination, host: string): Failure {
  const { namespace, name } = rule.metadata;
  const why =
    tls.insecureSkipVerify === true
      ? 'has insecureSkipVerify'
      : 'names neither caCertificates nor credentialName';
  return warn({
    read: `${nameOf(rule.metadata)} opens TLS ${tls.mode} to ${host} and ${why}: the server's certificate is not verified`,
    means: `both versions would talk to whoever answers for ${host}, and no check of the rollout would notice`,
    mend: `name the authority, such as caCertificates: system: kubectl -n ${namespace} edit destinationrule ${name}`,
    object: refTo('DestinationRule', rule.metadata),
    path,
  });
}
