import type { TargetKey, TargetRecord, TargetRecords } from '../../src/rollout/ports/targets.ts';
import { noTrouble } from '../../src/rollout/quarantine.ts';
import {
  hasEnded,
  isScheduled,
  type Rollout,
  type StoredRollout,
  statusOf,
} from '../../src/rollout/rollout.ts';

/** What is known of targets from these rollouts; `unreadable` names those that a newer version wrote. */
export function memoryTargets(
  stored: readonly StoredRollout[],
  unreadable: readonly string[] = [],
): TargetRecords {
  const rollouts = stored.flatMap((one) => (isScheduled(one) ? [] : [one]));
  const newestFirst = () => rollouts.toSorted((left, right) => (left.id < right.id ? 1 : -1));
  const recordOf = (last: Rollout): TargetRecord => {
    const live = rollouts.find((one) => !hasEnded(one) && objectOf(one) === objectOf(last));
    const { cluster, namespace, virtualService, route } = last.target;
    const key = { cluster, namespace, virtualService, route };
    const row = {
      id: last.id,
      status: statusOf(last),
      cluster,
      namespace,
      virtualService,
      trouble: noTrouble,
    };
    const read = unreadable.includes(last.id)
      ? { kind: 'unreadable' as const, row }
      : { kind: 'rollout' as const, rollout: last, trouble: noTrouble };
    return { key, last: read, live: live?.id ?? null };
  };
  return {
    list: async ({ cluster, namespace, virtualService, after, limit }) => {
      const lasts = new Map<string, Rollout>();
      for (const rollout of newestFirst()) {
        const key = orderOf(rollout.target);
        if (!lasts.has(key)) lasts.set(key, rollout);
      }
      return [...lasts.entries()]
        .filter(([key]) => after === undefined || key > orderOf(after))
        .filter(([, { target }]) => cluster === undefined || target.cluster === cluster)
        .filter(([, { target }]) => namespace === undefined || target.namespace === namespace)
        .filter(([, { target }]) => virtualService === undefined || target.virtualService === virtualService)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([, last]) => recordOf(last));
    },
    last: async (name) => {
      const last = newestFirst().find((one) => objectOf(one) === orderOf({ ...name, route: '' }));
      return last === undefined ? null : recordOf(last);
    },
  };
}

function orderOf({ cluster, namespace, virtualService, route }: TargetKey): string {
  return JSON.stringify([cluster, namespace, virtualService, route]);
}

function objectOf({ target }: Rollout): string {
  return orderOf({ ...target, route: '' });
}
