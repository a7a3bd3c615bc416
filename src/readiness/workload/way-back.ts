import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { error, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Autoscaler, Deployment, Pod } from '../objects.ts';
import { isReady, nameOf, podsOf } from '../select.ts';
import type { Subject } from '../snapshot.ts';
import { autoscalersOf, deploymentsOf } from './deployments.ts';

export const stableTakesAllBack = defineCheck({
  id: 'PF-WL-06',
  title: 'stable can take all requests back at once',
  family: 'workload',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['pods', 'deployments', 'autoscalers'],
  judge: (seen, subject) => judge(seen, subject),
});

type Facts = {
  pods: readonly Pod[];
  deployments: readonly Deployment[];
  autoscalers: readonly Autoscaler[];
};

/** Of the pods of stable, how many it can do without and still take all requests: the guard that runs goes by it too. */
export const wayBackRatio = 0.75;

/** How many pods stable carried everything with, why that many, and the least that may take all of it back. */
type Floor = { count: number; because: string; least: number };

function judge({ pods, deployments, autoscalers }: Facts, subject: Subject): Judgement[] {
  const { stable } = subject;
  if (stable.podLabels === null)
    return [skip(`${stable.version} (${stable.host}) has no pods in this cluster`)];
  const ready = podsOf(stable, pods).filter(isReady).length;
  const mine = deploymentsOf(stable, deployments);
  const floor = floorOf(subject, mine);
  if (floor === null) {
    return [
      unknown(
        `${stable.version} has ${ready} ready pods and no Deployment in ${stable.service.namespace} that says how many it should have`,
        'compare them with the number that carried all requests before, or start the rollout: it notes the number',
      ),
    ];
  }
  const scalers = autoscalersOf(mine, autoscalers);
  const failures = [
    ...(ready < floor.count || ready < floor.least ? [tooFew(subject, ready, floor, mine)] : []),
    ...scalers.flatMap((one) => scalingIn(one, floor, subject)),
  ];
  const scaled = scalers.map(({ spec }) => `, its autoscaler keeps at least ${spec.minReplicas ?? 1}`);
  return orPass(failures, `${stable.version} has ${ready} ready pods, ${floor.because}${scaled.join('')}`);
}

/** Before the start the pods that are asked for count: they carry all requests now. */
function floorOf({ stableReadyAtStart }: Subject, deployments: readonly Deployment[]): Floor | null {
  if (stableReadyAtStart !== null) {
    return floorAt(stableReadyAtStart, 'at the start of the rollout');
  }
  if (deployments.length === 0) return null;
  return floorAt(
    deployments.reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0),
    'asked for',
  );
}

function floorAt(count: number, why: string): Floor {
  return { count, because: `${count} ${why}`, least: Math.max(1, Math.ceil(count * wayBackRatio)) };
}

function weighed(pods: number, { least }: Floor): typeof error {
  return pods < least ? error : warn;
}

function needs({ least }: Floor): string {
  return `${least} needed at least (${wayBackRatio * 100} %)`;
}

function tooFew({ stable }: Subject, ready: number, floor: Floor, mine: readonly Deployment[]): Failure {
  const [deployment] = mine;
  const kubectl = `kubectl -n ${stable.service.namespace}`;
  const name = deployment === undefined ? '' : deployment.metadata.name;
  const look = `${kubectl} get pods -l ${labelText(stable.podLabels ?? {})}`;
  const mend =
    deployment === undefined
      ? `see what keeps its pods from being ready: ${look}`
      : `${kubectl} scale deployment/${name} --replicas=${Math.max(floor.count, 1)}, or see what keeps pods from being ready: ${look}`;
  return weighed(
    ready,
    floor,
  )({
    read: `${stable.version} has ${ready} ready pods, ${floor.because}: ${needs(floor)}`,
    means: `if the canary fails, all requests go back to ${ready} pods of ${stable.version}: going back could fail where the canary did`,
    mend,
    ...(deployment === undefined
      ? {}
      : { object: refTo('Deployment', deployment.metadata), path: 'status.readyReplicas' }),
  });
}

/**
 * An autoscaler takes pods away as their load goes to the canary, and needs minutes to bring them back.
 * Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
 */
function scalingIn({ metadata, spec, status }: Autoscaler, floor: Floor, { stable }: Subject): Failure[] {
  const least = spec.minReplicas ?? 1;
  const wanted = status?.desiredReplicas ?? null;
  const patch = `{"spec":{"minReplicas":${floor.count}}}`;
  const facts = {
    mend: `hold it until the rollout is over: kubectl -n ${stable.service.namespace} patch hpa ${metadata.name} --type=merge -p '${patch}'`,
    object: refTo('HorizontalPodAutoscaler', metadata),
    path: 'spec.minReplicas',
  };
  const name = `HorizontalPodAutoscaler ${nameOf(metadata)}`;
  if (wanted !== null && wanted < floor.count) {
    const read = `${name} is taking ${stable.version} down to ${wanted} pods, ${floor.because}: ${needs(floor)}`;
    const means = `if the canary fails, all requests go back to ${wanted} pods of ${stable.version}`;
    return [weighed(wanted, floor)({ ...facts, read, means })];
  }
  if (least >= floor.count) return [];
  const read = `${name} may take ${stable.version} down to ${least} pods, ${floor.because}: ${needs(floor)}`;
  const means = `as requests go to the canary it will do so: if the canary then fails, all of them go back to ${least} pods`;
  // Many services run far above their minimum: what may happen is no reason to keep a rollout from starting.
  return [warn({ ...facts, read, means })];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
