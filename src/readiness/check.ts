import type { CheckFacts, Failure, Finding, Judgement } from './finding.ts';
import type { Fact, FactName, Snapshot } from './snapshot.ts';

/** The facts that a check asked for, each as it was read. */
type Seen<Name extends FactName> = { [Key in Name]: Extract<Snapshot[Key], { kind: 'read' }>['value'] };

type Definition<Name extends FactName> = CheckFacts & {
  /** The facts without which nothing can be said. */
  needs: readonly Name[];
  /** True when it may fail for want of something that stands where nobody could look: see `undoneBy` of a failure. */
  failsByAbsence?: boolean;
  /** What the facts mean. At least one judgement; several where several objects are at fault. */
  judge: (seen: Seen<Name>, subject: Snapshot['subject'], at: Snapshot['at']) => Judgement[];
};

/** A check of the mesh before or while traffic is moved. */
export type Check = CheckFacts & { needs: readonly FactName[]; run: (snapshot: Snapshot) => Finding[] };

/**
 * Makes a check of what it needs and of what it says. A fact that could not be read makes the answer unknown, and one
 * that was read in part keeps it from passing: what nobody saw is never fine.
 */
export function defineCheck<const Name extends FactName>({
  needs,
  failsByAbsence = false,
  judge,
  ...facts
}: Definition<Name>): Check {
  const run = (snapshot: Snapshot): Finding[] => {
    const unread = needs.flatMap((name) => unreadIn(name, snapshot[name]));
    const judged = unread.length > 0 ? unread : judge(seenIn(snapshot, needs), snapshot.subject, snapshot.at);
    const gaps = needs.flatMap((name) => gapsIn(name, snapshot[name]));
    const stands = (failure: Failure) =>
      !failsByAbsence || !gaps.some(({ name }) => (failure.undoneBy ?? needs).includes(name));
    return withGaps(judged, gaps, stands).map((judgement) => ({ ...facts, ...told(judgement) }));
  };
  return { ...facts, needs, run };
}

function unreadIn(name: FactName, fact: Fact<unknown>): Judgement[] {
  if (fact.kind === 'read') return [];
  return [{ result: 'unknown', read: `${factWords[name]} could not be read: ${fact.why}`, mend: fact.mend }];
}

/** A part of a fact that was not read. */
type Gap = { name: FactName; words: string };

function gapsIn(name: FactName, fact: Fact<unknown>): Gap[] {
  const gaps = fact.kind === 'read' ? (fact.gaps ?? []) : [];
  return gaps.map((gap) => ({ name, words: `${factWords[name]}: ${gap}` }));
}

/**
 * A failure that was seen stays one, unless what was not seen may be what is missing; what would have passed is not
 * known when something was not seen.
 */
function withGaps(
  judged: Judgement[],
  gaps: readonly Gap[],
  stands: (failure: Failure) => boolean,
): Judgement[] {
  if (gaps.length === 0) return judged;
  const failures = judged.filter((one) => one.result === 'fail');
  const kept = failures.filter(stands);
  const unknown = judged.filter(({ result }) => result === 'unknown');
  if (unknown.length > 0) return [...kept, ...unknown];
  const open = failures.filter((one) => !kept.includes(one));
  const seen = open.map(({ read }) => `as far as it could be read, ${read}; `);
  const read = `${seen.join('')}not everything could be read: ${gaps.map(({ words }) => words).join('; ')}`;
  const mend = 'let canaryd read these, or mend their form, and ask again';
  return [...kept, { result: 'unknown', read, mend }];
}

/** What its check alone goes by is no part of a finding. */
function told(judgement: Judgement) {
  if (judgement.result !== 'fail') return judgement;
  const { undoneBy: _undoneBy, ...failure } = judgement;
  return failure;
}

function seenIn<Name extends FactName>(snapshot: Snapshot, needs: readonly Name[]): Seen<Name>;
function seenIn(snapshot: Snapshot, needs: readonly FactName[]): Record<string, unknown> {
  const entries = needs.map((name) => {
    const fact: Fact<unknown> = snapshot[name];
    return [name, fact.kind === 'read' ? fact.value : undefined] as const;
  });
  return Object.fromEntries(entries);
}

/** What people call the facts. */
const factWords: Record<FactName, string> = {
  split: 'the split',
  meshConfig: 'the mesh configuration',
  proxyVersions: 'the version of istiod',
  namespaces: 'namespaces',
  virtualServices: 'VirtualServices',
  movedVirtualServices: 'the VirtualServices that are moved',
  destinationRules: 'DestinationRules',
  gateways: 'Gateways',
  serviceEntries: 'ServiceEntries',
  sidecars: 'Sidecars',
  authorizationPolicies: 'AuthorizationPolicies',
  peerAuthentications: 'PeerAuthentications',
  selectors: 'objects that select workloads',
  networkPolicies: 'NetworkPolicies',
  services: 'Services',
  endpoints: 'EndpointSlices',
  pods: 'Pods',
  deployments: 'Deployments',
  autoscalers: 'HorizontalPodAutoscalers',
  gitOpsApplications: 'Argo CD Applications',
  otherCanaries: 'Canaries of Flagger and Rollouts of Argo',
  rights: "canaryd's rights",
  servedVersions: 'the served API versions',
  serviceAccounts: 'ServiceAccounts',
  httpRoutes: 'HTTPRoutes',
  kubernetesGateways: 'Gateways of the Gateway API',
  locks: 'rollouts on the route',
  holds: 'hold orders',
  rootCertificates: 'the root certificates of the mesh',
  gatewayCertificates: 'gateway certificates',
  provider: 'the metrics provider',
  survey: "stable's metrics",
  metricLabels: 'the labels of the metrics',
  scrape: 'the scrape interval',
  requestSeries: 'the series of requests',
  callers: 'the callers of the service',
  callees: 'what stable calls',
  forbidden: 'the answers 403 of both versions',
  proxyCertificates: 'the certificates of the proxies',
  meshCertificates: 'the certificates of istiod',
  throttling: 'the CPU throttling of the proxies',
  proxySync: 'the pushes of istiod',
  errorBudgets: 'error budgets',
  alertRules: 'alert rules',
  alerts: 'firing alerts',
  silences: 'silences',
};
