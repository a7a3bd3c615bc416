import type { Readiness } from '../rollout/ports/mesh.ts';
import type { Arm } from '../rollout/target.ts';
import { LabelValue } from '../rollout/units.ts';
import type { DestinationRule, Pod, Service } from './cluster-objects.ts';
import { qualifyHost } from './host.ts';
import { type Destination, type Misshapen, misshapen } from './virtual-service.ts';

type Labels = Record<string, string>;

/**
 * Finds the pods and the version behind a destination: its subset in the DestinationRules of its host, and the
 * service's own selector. Istio merges all DestinationRules of a host, so the subset may stand in any of them.
 */
export function armOf(
  destination: Destination,
  rules: DestinationRule[],
  selector: NonNullable<Service['spec']['selector']>,
  clusterDomain: string,
): Arm | Misshapen {
  const { host, subset: name } = destination;
  const at = [...destination.at, 'destination', 'subset'];
  if (name === null) return misshapen('unsupported-shape', at, `the destination ${host} names no subset`);
  const subset = rules
    .filter((rule) => qualifyHost(rule.spec.host, rule.metadata.namespace, clusterDomain) === host)
    .flatMap((rule) => rule.spec.subsets ?? [])
    .find((candidate) => candidate.name === name);
  if (subset === undefined) return misshapen('subset-not-found', at, unknownSubset(name, host));
  const version = LabelValue.safeParse(subset.labels?.['version']);
  if (!version.success) return misshapen('subset-not-found', at, noVersion(name));
  return { host, subset: name, version: version.data, podLabels: { ...selector, ...subset.labels } };
}

/** The labels that the pods of both arms share; one list with them finds all. */
export function sharedLabels(one: Labels, other: Labels): Labels {
  return Object.fromEntries(Object.entries(one).filter(([label, value]) => other[label] === value));
}

/** Counts the pods with all these labels. Pods that terminate or have run to their end serve nobody and are left out. */
export function countReady(pods: Pod[], labels: Labels): Readiness {
  const serving = pods.filter((pod) => hasLabels(pod, labels) && !isLeaving(pod));
  return { kind: 'known', ready: serving.filter(isReady).length, total: serving.length };
}

function unknownSubset(name: string, host: string): string {
  return `no DestinationRule of ${host} has the subset ${name}: add {"name":"${name}","labels":{"version":"${name}"}} to one`;
}

function noVersion(name: string): string {
  return `the subset ${name} selects no usable version, by which Istio's metrics tell the destinations apart: add a version label to it and to its pods`;
}

function hasLabels({ metadata }: Pod, labels: Labels): boolean {
  return Object.entries(labels).every(([label, value]) => metadata.labels?.[label] === value);
}

function isLeaving({ metadata, status }: Pod): boolean {
  return (
    (metadata.deletionTimestamp ?? null) !== null ||
    status?.phase === 'Succeeded' ||
    status?.phase === 'Failed'
  );
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}
