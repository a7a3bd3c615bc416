import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Pod } from '../objects.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Millis, Subject } from '../snapshot.ts';

export const noRestarts = defineCheck({
  id: 'PF-WL-05',
  title: 'no container of the canary was restarted or ran out of memory since the start',
  family: 'workload',
  priority: 'P2',
  codes: [],
  again: true,
  severity: 'warn',
  needs: ['pods'],
  judge: ({ pods }, subject, at) => judge(pods, subject, at),
});

const hour = 3_600_000;
/** What a new pod may need to find its database or its configuration. */
const firstStart = 5 * 60_000;

type Status = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];
/** A container that was restarted; `endedAt` is when it ended last, null where that is not known. */
type Restarted = { pod: Pod; status: Status; endedAt: Millis | null };

function judge(all: readonly Pod[], { canary, startedAt }: Subject, at: Millis): Judgement[] {
  if (canary.podLabels === null)
    return [skip(`${canary.version} (${canary.host}) has no pods in this cluster`)];
  const pods = podsOf(canary, all);
  if (pods.length === 0) {
    const read = `${canary.version} has no pod in ${canary.service.namespace}: there is nothing to count`;
    return [unknown(read, `start at least one pod of ${canary.version} and ask again`)];
  }
  const since = startedAt ?? at - hour;
  const restarted = pods.flatMap(restartedOf);
  const undated = restarted.filter(({ endedAt }) => endedAt === null);
  const recent = restarted.filter((one) => one.endedAt !== null && one.endedAt >= since);
  const failures = recent.filter((one) => !isFirstStart(one)).map((one) => failure(one, since));
  if (failures.length > 0) return bounded(failures);
  if (undated.length > 0) return [notDated(undated)];
  const retries = recent.length === 0 ? '' : `, ${recent.length} restarted once while their pod came up`;
  return [
    pass(`no container of ${pods.length} pods of ${canary.version} ended since ${time(since)}${retries}`),
  ];
}

/** An init container that is tried again is not a restart of what serves: one that keeps running is. */
function restartedOf(pod: Pod): Restarted[] {
  const native = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const inits = (pod.status?.initContainerStatuses ?? []).filter(({ name }) =>
    native.some((one) => one.name === name),
  );
  return [...(pod.status?.containerStatuses ?? []), ...inits].flatMap((status) => {
    if ((status.restartCount ?? 0) === 0) return [];
    const endedAt = Date.parse(status.lastState?.terminated?.finishedAt ?? '');
    return [{ pod, status, endedAt: Number.isNaN(endedAt) ? null : endedAt }];
  });
}

/** Once, soon after the pod was made, and not for want of memory. */
function isFirstStart({ pod, status, endedAt }: Restarted): boolean {
  const madeAt = Date.parse(pod.metadata.creationTimestamp ?? '');
  const isSoon = endedAt !== null && endedAt - madeAt <= firstStart;
  return isSoon && status.restartCount === 1 && status.lastState?.terminated?.reason !== 'OOMKilled';
}

function failure({ pod, status, endedAt }: Restarted, since: Millis): Failure {
  const { reason } = status.lastState?.terminated ?? {};
  const isOutOfMemory = reason === 'OOMKilled';
  const kubectl = `kubectl -n ${pod.metadata.namespace}`;
  const look = `${kubectl} logs ${pod.metadata.name} -c ${status.name} --previous`;
  return warn({
    read: `container ${status.name} of Pod ${nameOf(pod.metadata)} ended at ${time(endedAt ?? since)} (${reason ?? 'no reason given'}), after ${time(since)}: ${status.restartCount} restarts in all, 0 are expected`,
    means: isOutOfMemory
      ? 'it needs more memory than its limit: with a larger share it would end more often, and its open requests with it'
      : 'what ends by itself at this share will do so at a larger one, and its open requests with it',
    mend: isOutOfMemory
      ? `look for a leak before raising the limit: ${kubectl} top pod ${pod.metadata.name} --containers, then ${look}`
      : `see why it ended: ${look}`,
    object: refTo('Pod', pod.metadata),
    path: 'status.containerStatuses',
  });
}

function notDated(undated: readonly Restarted[]): Judgement {
  const [first] = undated.map(({ pod, status }) => `container ${status.name} of Pod ${nameOf(pod.metadata)}`);
  const [namespace] = undated.map(({ pod }) => pod.metadata.namespace);
  return unknown(
    `${first} was restarted, and nothing tells when`,
    `look at its events: kubectl -n ${namespace} get events --field-selector involvedObject.kind=Pod`,
  );
}

function time(millis: Millis): string {
  return `${new Date(millis).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
