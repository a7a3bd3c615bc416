import { z } from 'zod';
import type { Pod } from '../objects.ts';
import { podsOf } from '../select.ts';
import type { AlertRule, Arm, Subject } from '../snapshot.ts';
import { isMet, type Matcher } from './pattern.ts';
import { openWork, type Work } from './work.ts';

/**
 * What alerts call the target: its values of the labels that name a namespace, a service, a workload, a pod or a part of
 * one. `work`: what may be compared with them in one check.
 */
export type Target = { name: string; known: ReadonlyMap<string, ReadonlySet<string>>; work: Work };

const namespaceLabels = [
  'namespace',
  'exported_namespace',
  'kubernetes_namespace',
  'destination_service_namespace',
  'destination_workload_namespace',
];
const serviceLabels = [
  'service',
  'exported_service',
  'service_name',
  'destination_service',
  'destination_service_name',
  'destination_canonical_service',
  'destination_app',
  'app',
  'app_kubernetes_io_name',
];
const workloadLabels = [
  'destination_workload',
  'workload',
  'deployment',
  'statefulset',
  'replicaset',
  'daemonset',
  'cronjob',
  'job_name',
  'horizontalpodautoscaler',
];
const podLabels = ['pod', 'exported_pod', 'pod_name'];
/** Many workloads have one of the same name, such as `istio-proxy`: it can only say whose an alert is not. */
const partLabels = ['container', 'persistentvolumeclaim'];

export function targetOf({ stable, canary }: Subject, pods: readonly Pod[]): Target {
  const arms = [stable, canary];
  const ours = arms.flatMap((arm) => podsOf(arm, pods));
  const services = new Set(arms.flatMap(namesOfService));
  const workloads = new Set([...services, ...ours.flatMap(ownersOf)]);
  const namespaces = new Set(arms.map(({ service }) => service.namespace));
  const names = new Set(ours.map(({ metadata }) => metadata.name));
  const under = (labels: readonly string[], values: ReadonlySet<string>) =>
    labels.map((label) => [label, values] as const);
  const known = new Map([
    ...under(namespaceLabels, namespaces),
    ...under(serviceLabels, services),
    ...under(workloadLabels, workloads),
    ...under(podLabels, names),
    // Whoever has seen no pod knows of none of their parts.
    ...(ours.length === 0 ? [] : partsOf(ours)),
  ]);
  return { name: `${stable.service.namespace}/${stable.service.name}`, known, work: openWork() };
}

const Claiming = z.looseObject({ persistentVolumeClaim: z.looseObject({ claimName: z.string() }) });

function partsOf(pods: readonly Pod[]): (readonly [string, ReadonlySet<string>])[] {
  const specs = pods.map(({ spec }) => spec);
  const containers = specs.flatMap((spec) => [...spec.containers, ...(spec.initContainers ?? [])]);
  const volumes = specs.flatMap(({ volumes: all }) => (Array.isArray(all) ? all : []));
  const claims = volumes.flatMap(
    (volume) => Claiming.safeParse(volume).data?.persistentVolumeClaim.claimName ?? [],
  );
  return [
    ['container', new Set(containers.map(({ name }) => name))],
    ['persistentvolumeclaim', new Set(claims)],
  ];
}

function namesOfService({ service: { name, namespace }, host, podLabels: labels }: Arm): string[] {
  const apps = ['app', 'app.kubernetes.io/name', 'service.istio.io/canonical-name'];
  const ofPods = apps.flatMap((key) => (labels?.[key] === undefined ? [] : [labels[key]]));
  return [name, host, `${name}.${namespace}`, `${name}.${namespace}.svc`, ...ofPods];
}

/** A ReplicaSet is called like its Deployment, with a hash behind it. */
function ownersOf({ metadata }: Pod): string[] {
  return (metadata.ownerReferences ?? []).flatMap(({ kind, name }) =>
    kind === 'ReplicaSet' ? [name, name.replace(/-[a-z0-9]+$/, '')] : [name],
  );
}

/** Whether labels or matchers mean the target: `unsaid` where they name nothing of the kind. */
type Meant = 'yes' | 'no' | 'unsaid';

/**
 * One that names another service or another namespace is not the target's; one that names the target's namespace and
 * no service concerns all of that namespace.
 */
export function isMeant(matchers: readonly Matcher[], target: Target): Meant {
  const namespace = answerOf(matchers, namespaceLabels, target);
  if (namespace === 'no') return 'no';
  const workload = answerOf(matchers, [...serviceLabels, ...workloadLabels, ...podLabels], target);
  if (workload !== 'unsaid') return workload;
  return answerOf(matchers, partLabels, target) === 'no' ? 'no' : namespace;
}

function answerOf(matchers: readonly Matcher[], labels: readonly string[], { known, work }: Target): Meant {
  const answers = matchers
    .filter(({ name }) => labels.includes(name))
    .map((matcher) => {
      const values = known.get(matcher.name);
      return { isEqual: matcher.isEqual, met: values === undefined ? null : isMet(matcher, values, work) };
    });
  if (answers.some(({ isEqual, met }) => isEqual && met === true)) return 'yes';
  return answers.some(({ met }) => met === false) ? 'no' : 'unsaid';
}

/** Labels as matchers, without those that a template fills in. */
export function matchersOfLabels(labels: Readonly<Record<string, string>>): Matcher[] {
  return Object.entries(labels)
    .filter(([, value]) => value !== '' && !value.includes('{{'))
    .map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
}

/** All matchers of a query, whichever series they stand behind. */
function matchersOfQuery(query: string): Matcher[] {
  const found = query.matchAll(
    /\b([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/g,
  );
  return [...found].map(([, name = '', operator = '', double, single]) => ({
    name,
    value: (double ?? single ?? '').replaceAll('\\\\', '\\'),
    isRegex: operator.endsWith('~'),
    isEqual: operator.startsWith('='),
  }));
}

/** The rules that would fire for the target: by name, by its namespace, or for every service that has requests. */
export function rulesOf(target: Target, rules: readonly AlertRule[]): AlertRule[] {
  return rules.filter(({ query, labels }) => {
    const meant = isMeant([...matchersOfLabels(labels), ...matchersOfQuery(query)], target);
    return meant === 'yes' || (meant === 'unsaid' && isGeneric(query));
  });
}

const groupLabels = new Set([...namespaceLabels, ...serviceLabels, ...workloadLabels, ...podLabels]);

/** One rule for all: `by (namespace)` or `by (destination_service_name)` over requests. */
function isGeneric(query: string): boolean {
  const groups = [...query.matchAll(/\bby\s*\(([^()]*)\)/g)].flatMap(([, labels = '']) => labels.split(','));
  const isGrouped = groups.some((label) => groupLabels.has(label.trim()));
  return isGrouped && /request|latency|duration|grpc|http|slo/i.test(query);
}

const urgent = /^(critical|crit|page|emergency|fatal|disaster|p0|p1|s0|s1|sev-?0|sev-?1)$/i;

/** True for labels of an alert that wakes somebody. */
export function isCritical(labels: Readonly<Record<string, string>>): boolean {
  return ['severity', 'priority', 'level'].some((name) => urgent.test(labels[name] ?? ''));
}
