import type { Readiness } from '../rollout/ports/mesh.ts';
import type { Arm } from '../rollout/target.ts';
import { LabelValue } from '../rollout/units.ts';
import type { DestinationRule, Pod } from './cluster-objects.ts';
import { qualifyHost } from './host.ts';
import type { Roles } from './roles.ts';
import { type Destination, type Misshapen, misshapen } from './virtual-service.ts';

type Labels = Record<string, string>;

/** What the cluster says of the service that a destination's host names; a selector of null selects no pods. */
export type Backing = { service: Arm['service']; selector: Labels | null; rules: DestinationRule[] };

/**
 * Finds the pods and the version behind a destination: its subset in the DestinationRules of its host, and the
 * service's own selector. Istio merges all DestinationRules of a host, so the subset may stand in any of them. A
 * destination without a subset is the whole service.
 */
export function armOf(destination: Destination, backing: Backing, clusterDomain: string): Arm | Misshapen {
  const { host, subset: name } = destination;
  const { service, selector, rules } = backing;
  if (name === null) {
    const version = LabelValue.safeParse(selector?.['version']).data ?? service.name;
    return { host, subset: null, service, version, podLabels: selector };
  }
  const at = [...destination.at, 'destination', 'subset'];
  const subset = rules
    .filter((rule) => qualifyHost(rule.spec.host, rule.metadata.namespace, clusterDomain) === host)
    .flatMap((rule) => rule.spec.subsets ?? [])
    .find((candidate) => candidate.name === name);
  if (subset === undefined) return misshapen('subset-not-found', at, unknownSubset(name, host));
  const version = LabelValue.safeParse(subset.labels?.['version']);
  if (!version.success) return misshapen('subset-not-found', at, noVersion(name));
  if (selector === null) return { host, subset: name, service, version: version.data, podLabels: null };
  const podLabels = labelsOfBoth(selector, subset.labels ?? {});
  if (podLabels === null) {
    return misshapen('subset-not-found', at, selectsNothing(name, { service, selector }, subset.labels));
  }
  return { host, subset: name, service, version: version.data, podLabels };
}

/**
 * Both arms as a rollout keeps them, or why they cannot be told apart. Subsets of one host must differ by version.
 * Two hosts must not share pods: a pod behind both would serve the canary's requests at weight 0. Where two hosts
 * show people the same version they are called by the names of their services.
 */
export function distinctArms(
  roles: Pick<Roles, 'stable' | 'canary'>,
  arms: { stable: Arm; canary: Arm },
): { kind: 'arms'; stable: Arm; canary: Arm } | Misshapen {
  const { stable, canary } = arms;
  const isOneService = isSameService(stable.service, canary.service);
  if (isOneService && stable.version === canary.version) {
    const message = `both subsets select the version ${canary.version}, so their metrics cannot be told apart: give each its own`;
    return misshapen('unsupported-shape', [...roles.canary.at, 'destination', 'subset'], message);
  }
  if (isOneService) return { kind: 'arms', stable, canary };
  const sharing = findShared(stable, canary);
  if (sharing !== null) {
    return misshapen('unsupported-shape', [...roles.canary.at, 'destination', 'host'], sharing);
  }
  const isOneName = stable.version === canary.version && stable.service.name !== canary.service.name;
  const called = (arm: Arm): Arm => (isOneName ? { ...arm, version: arm.service.name } : arm);
  return { kind: 'arms', stable: called(stable), canary: called(canary) };
}

function isSameService(one: Arm['service'], other: Arm['service']): boolean {
  return one.namespace === other.namespace && one.name === other.name;
}

/** Labels that hold all the other's labels select pods that the other selects, too. */
function findShared(stable: Arm, canary: Arm): string | null {
  if (stable.service.namespace !== canary.service.namespace) return null;
  if (stable.podLabels === null || canary.podLabels === null) return null;
  const shared = Object.keys(sharedLabels(stable.podLabels, canary.podLabels)).length;
  const fewest = Math.min(
    ...[stable.podLabels, canary.podLabels].map((labels) => Object.keys(labels).length),
  );
  if (shared < fewest) return null;
  const names = `${stable.service.name} and ${canary.service.name}`;
  return `the services ${names} select the same pods, so a weight would not keep requests from the canary: give each a selector that the other's pods do not match`;
}

/** The labels that the pods of both arms share; one list with them finds all. */
export function sharedLabels(one: Labels, other: Labels): Labels {
  return Object.fromEntries(Object.entries(one).filter(([label, value]) => other[label] === value));
}

/** The labels of a pod that bears both; null where there can be none, because they differ in the value of a label. */
export function labelsOfBoth(one: Labels, other: Labels): Labels | null {
  const differs = Object.entries(one).some(([label, value]) => (other[label] ?? value) !== value);
  return differs ? null : { ...one, ...other };
}

/** Counts the pods with all these labels. Pods that terminate or have run to their end serve nobody and are left out. */
export function countReady(pods: Pod[], labels: Labels): Readiness {
  const serving = servingPods(pods, labels);
  return { kind: 'known', ready: serving.filter(isReady).length, total: serving.length };
}

/** The pods with all these labels that serve, or will once they are ready. */
export function servingPods(pods: Pod[], labels: Labels): Pod[] {
  return pods.filter((pod) => hasLabels(pod, labels) && !isLeaving(pod));
}

function unknownSubset(name: string, host: string): string {
  return `no DestinationRule of ${host} has the subset ${name}: add {"name":"${name}","labels":{"version":"${name}"}} to one`;
}

function noVersion(name: string): string {
  return `the subset ${name} selects no usable version, by which Istio's metrics tell the destinations apart: add a version label to it and to its pods`;
}

function selectsNothing(
  name: string,
  { service, selector }: { service: Arm['service']; selector: Labels },
  labels: Labels = {},
): string {
  const [label = '', value] = Object.entries(labels).find(([key, is]) => (selector[key] ?? is) !== is) ?? [];
  return `the subset ${name} selects no pod: it wants ${label}=${value}, and the service ${service.name} has only pods with ${label}=${selector[label]}: correct the labels of the subset`;
}

/** True when it has all these labels, with these values. */
export function hasLabels(
  { metadata }: { metadata: { labels?: Labels | undefined } },
  labels: Labels,
): boolean {
  return Object.entries(labels).every(([label, value]) => metadata.labels?.[label] === value);
}

function isLeaving({ metadata, status }: Pod): boolean {
  return (
    (metadata.deletionTimestamp ?? null) !== null ||
    status?.phase === 'Succeeded' ||
    status?.phase === 'Failed'
  );
}

/** True when Kubernetes sends requests to the pod. */
export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}
