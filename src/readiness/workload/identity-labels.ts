import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Labels, Pod } from '../objects.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Arm, Subject } from '../snapshot.ts';

export const labelsTellVersions = defineCheck({
  id: 'PF-WL-04',
  title: 'labels tell the application and the version of every pod',
  family: 'workload',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['pods'],
  judge: ({ pods }, subject) => judge(pods, subject),
});

/** The first of these that is set is what Istio calls a workload and its revision in metrics and traces. */
const nameLabels = ['service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app'];
const revisionLabels = ['service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version'];

function judge(all: readonly Pod[], { stable, canary }: Subject): Judgement[] {
  if (canary.podLabels === null)
    return [skip(`${canary.version} (${canary.host}) has no pods in this cluster`)];
  const [before, after] = [podsOf(stable, all), podsOf(canary, all)];
  const arms = stable.podLabels === null ? [canary] : [canary, stable];
  const empty = arms.filter((arm) => podsOf(arm, all).length === 0);
  const failures = [
    ...bounded(after.flatMap((pod) => fault(pod, canary))),
    ...bounded(before.flatMap((pod) => fault(pod, stable))),
    ...sameRevision(before, after, arms.some(isByVersion) ? error : warn),
  ];
  if (failures.length > 0) return failures;
  if (empty.length > 0) return empty.map(noPods);
  return orPass([], `${after.length} pods are ${words(after)}, ${before.length} are ${words(before)}`);
}

function noPods({ version, service }: Arm): Judgement {
  return unknown(
    `${version} has no pod in ${service.namespace}: its labels are not known`,
    `start at least one pod of ${version} and ask again`,
  );
}

/**
 * Without a revision the injector writes `latest`.
 * Source: https://istio.io/latest/docs/ops/deployment/application-requirements/#pod-requirements and
 * https://istio.io/latest/docs/reference/config/metrics/#labels
 */
function fault({ metadata }: Pod, arm: Arm): Failure[] {
  const labels = metadata.labels ?? {};
  const missing = [
    ...(nameIn(labels) === null ? ['the application (app)'] : []),
    ...(revisionIn(labels) === null ? ['the version (version)'] : []),
  ];
  const facts = {
    object: refTo('Pod', metadata),
    path: 'metadata.labels',
    means: isByVersion(arm) ? lost : unseen,
    mend: mend(arm.version),
  };
  const weigh = isByVersion(arm) ? error : warn;
  const pod = `Pod ${nameOf(metadata)}`;
  if (missing.length > 0)
    return [weigh({ ...facts, read: `no label of ${pod} tells ${missing.join(' or ')}` })];
  const own = labels['version'];
  if (own === undefined) {
    return [warn({ ...facts, read: `${pod} has ${label(labels, revisionLabels)} and no label version` })];
  }
  if (own === arm.version || !isByVersion(arm)) return [];
  const read = `${pod} is labelled version=${own}, and the rollout asks the metrics for ${arm.version}`;
  return [error({ ...facts, read })];
}

/** An arm that is a Service by itself is counted by that: its version may be the Service's name, and no label. */
function isByVersion({ subset }: Arm): boolean {
  return subset !== null;
}

const lost =
  'its requests are not counted under the version that is judged: an unhealthy canary would not be seen in the metrics that decide';
const unseen =
  'the rollout judges it by its Service and is not misled, but dashboards, traces and alerts by version do not tell it from others';

function mend(version: string): string {
  return `give the pod template the labels app (the name of the application) and version: ${version}`;
}

/** What Istio would call both arms. */
function sameRevision(before: readonly Pod[], after: readonly Pod[], weigh: typeof error): Failure[] {
  const names = before.flatMap(({ metadata }) => [identity(metadata.labels ?? {})]);
  const twin = after.find(({ metadata }) => names.includes(identity(metadata.labels ?? {})));
  if (twin === undefined) return [];
  const labels = twin.metadata.labels ?? {};
  return [
    weigh({
      read: `Pod ${nameOf(twin.metadata)} of the canary and pods of stable are both ${label(labels, nameLabels)}, ${label(labels, revisionLabels)}`,
      means:
        'metrics and traces by revision mix both versions: errors of the canary would look like those of stable',
      mend: 'give the pod templates of the two versions different values of service.istio.io/canonical-revision and version',
      object: refTo('Pod', twin.metadata),
      path: 'metadata.labels',
    }),
  ];
}

function identity(labels: Labels): string {
  return `${nameIn(labels)} ${revisionIn(labels)}`;
}

function nameIn(labels: Labels): string | null {
  return nameLabels.map((key) => labels[key]).find((value) => value) ?? null;
}

function revisionIn(labels: Labels): string | null {
  const value = revisionLabels.map((key) => labels[key]).find((one) => one) ?? null;
  return value === 'latest' && labels['version'] === undefined ? null : value;
}

function label(labels: Labels, keys: readonly string[]): string {
  const key = keys.find((one) => labels[one]);
  return key === undefined ? 'unnamed' : `${key}=${labels[key]}`;
}

function words(pods: readonly Pod[]): string {
  const names = pods.map(({ metadata }) => identity(metadata.labels ?? {}));
  return [...new Set(names)].toSorted().join(' and ') || 'not looked at';
}
