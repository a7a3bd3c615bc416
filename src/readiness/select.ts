import type { LabelSelector, Labels, Metadata, Pod } from './objects.ts';
import type { Arm } from './snapshot.ts';

/** True for labels that have all of these; an absent or empty selector selects everything. */
export function hasLabels(
  labels: Readonly<Labels> | null | undefined,
  wanted: Labels | null | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => labels?.[key] === value);
}

/**
 * True for labels that a Kubernetes label selector selects; an operator that Kubernetes does not know selects nothing.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
 */
export function isSelected(labels: Readonly<Labels>, selector: LabelSelector | null | undefined): boolean {
  const expressions = selector?.matchExpressions ?? [];
  return (
    hasLabels(labels, selector?.matchLabels) &&
    expressions.every(({ key, operator, values }) => meets(labels[key], operator, values ?? []))
  );
}

function meets(value: string | undefined, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

/** The pods of an arm that run and are not going away, by name; none where it has no pods to look at. */
export function podsOf({ service, podLabels }: Arm, pods: readonly Pod[]): Pod[] {
  if (podLabels === null) return [];
  const found = pods.filter(
    ({ metadata, status }) =>
      metadata.namespace === service.namespace &&
      !metadata.deletionTimestamp &&
      !isOver(status?.phase) &&
      hasLabels(metadata.labels, podLabels),
  );
  return found.toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
}

/** An evicted pod stays in the list, labels and all, and serves nobody. */
function isOver(phase: string | null | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

/** The labels of each pod of an arm, each set once: what policies see. The arm's own labels where it has no pod. */
export function labelSetsOf(arm: Arm, pods: readonly Pod[]): Labels[] {
  const sets = podsOf(arm, pods).map(({ metadata }) => metadata.labels ?? {});
  const unique = new Map(sets.map((labels) => [signature(labels), labels]));
  return unique.size > 0 ? [...unique.values()] : [{ ...arm.podLabels }];
}

/** The hash of a pod template changes with each revision and is nobody's intention. */
function signature(labels: Labels): string {
  const entries = Object.entries(labels).filter(([key]) => !perPod.has(key));
  return JSON.stringify(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

const perPod = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
]);

/** What people call an object: `namespace/name`. */
export function nameOf({ namespace, name }: Pick<Metadata, 'namespace' | 'name'>): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
