import type { LabelSelector, Labels, Pod } from './objects.ts';
import { isSelected, labelSetsOf, podsOf } from './select.ts';
import type { Subject } from './snapshot.ts';

/** One arm as selectors see it. */
export type Side = {
  role: 'stable' | 'canary';
  version: string;
  service: string;
  namespace: string;
  labelSets: readonly Labels[];
  /** False where it has no pod yet: then its pods will have more labels than are known here. */
  isComplete: boolean;
};

export type Sides = { stable: Side; canary: Side };

/** Which pods of an arm are selected; `unsure` where only pods that do not exist yet could tell. */
export type Reach = 'all' | 'some' | 'none' | 'unsure';

/** How something that selects pods treats the two arms. */
export type Comparison =
  | { kind: 'alike' | 'mixed' | 'unsure' }
  | { kind: 'leftOut'; selected: Side; left: Side; reach: Record<Side['role'], Reach> };

/** Null where an arm has no pods to look at, such as a host of a ServiceEntry. */
export function sidesOf({ stable, canary }: Subject, pods: readonly Pod[]): Sides | null {
  if (stable.podLabels === null || canary.podLabels === null) return null;
  const side = (role: Side['role'], arm: Subject['stable']): Side => ({
    role,
    version: arm.version,
    service: arm.service.name,
    namespace: arm.service.namespace,
    labelSets: labelSetsOf(arm, pods),
    isComplete: podsOf(arm, pods).length > 0,
  });
  return { stable: side('stable', stable), canary: side('canary', canary) };
}

/** Why a check of selectors has nothing to say where `sidesOf` is null. */
export function withoutPods({ stable, canary }: Subject): string {
  const arm = canary.podLabels === null ? canary : stable;
  return `${arm.version} (${arm.host}) has no pods in this cluster that a policy could select`;
}

/** What these selectors reach together. */
export function reachOf(side: Side, selectors: readonly LabelSelector[]): Reach {
  const answers = side.labelSets.map((labels) => anyOf(selectors, labels, side.isComplete));
  if (answers.every((isIn) => isIn === true)) return 'all';
  if (answers.every((isIn) => isIn === false)) return 'none';
  return answers.includes(null) ? 'unsure' : 'some';
}

function anyOf(selectors: readonly LabelSelector[], labels: Labels, isComplete: boolean): boolean | null {
  const answers = selectors.map((selector) => oneOf(selector, labels, isComplete));
  if (answers.includes(true)) return true;
  return answers.includes(null) ? null : false;
}

/** Null where it depends on a label that is not known yet. */
function oneOf(selector: LabelSelector, labels: Labels, isComplete: boolean): boolean | null {
  const equalities = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: 'In',
    values: [value],
  }));
  const wanted = [...equalities, ...(selector.matchExpressions ?? [])];
  const known = wanted.filter(({ key }) => isComplete || labels[key] !== undefined);
  if (!isSelected(labels, { matchExpressions: known })) return false;
  return known.length === wanted.length ? true : null;
}

/** Who is left out by something that reaches the arms so. */
export function compare({ stable, canary }: Sides, reach: Record<Side['role'], Reach>): Comparison {
  if (reach.stable === 'unsure' || reach.canary === 'unsure') return { kind: 'unsure' };
  if (reach.stable === reach.canary) return { kind: reach.stable === 'some' ? 'mixed' : 'alike' };
  const reaches: readonly Reach[] = ['none', 'some', 'all'];
  return reaches.indexOf(reach.stable) > reaches.indexOf(reach.canary)
    ? { kind: 'leftOut', selected: stable, left: canary, reach }
    : { kind: 'leftOut', selected: canary, left: stable, reach };
}

/** Such as `all pods of v1, no pod of v2`. */
export function reachWords({ stable, canary }: Sides, reach: Record<Side['role'], Reach>): string {
  const words: Record<Reach, string> = {
    all: 'all pods of',
    some: 'some pods of',
    none: 'no pod of',
    unsure: 'perhaps pods of',
  };
  return `${words[reach.stable]} ${stable.version}, ${words[reach.canary]} ${canary.version}`;
}

/** Such as `app=payments,version=v1`. */
export function labelWords(labels: Readonly<Labels>): string {
  const words = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return words.length === 0 ? 'everything' : words.toSorted().join(',');
}

/** The labels that every pod of both arms has with the same value. */
export function sharedLabels({ stable, canary }: Sides): Labels {
  const [first, ...others] = [...stable.labelSets, ...canary.labelSets];
  const entries = Object.entries(first ?? {});
  return Object.fromEntries(entries.filter(([key, value]) => others.every((one) => one[key] === value)));
}

/** The same text for the same value, whatever the order of its keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
