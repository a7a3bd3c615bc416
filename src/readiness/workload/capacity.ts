import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { error, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Autoscaler, Deployment, Pod } from '../objects.ts';
import { isReady, nameOf, podsOf } from '../select.ts';
import type { StableSurvey, Subject } from '../snapshot.ts';
import { autoscalersOf, deploymentsOf } from './deployments.ts';

export const canaryCarriesShare = defineCheck({
  id: 'PF-WL-01',
  title: "the canary's ready pods carry the next share",
  family: 'workload',
  priority: 'P1',
  codes: [],
  again: true,
  severity: 'error',
  needs: ['pods', 'survey', 'deployments', 'autoscalers'],
  judge: (seen, subject) => judge(seen, subject),
});

type Facts = {
  pods: readonly Pod[];
  survey: StableSurvey;
  deployments: readonly Deployment[];
  autoscalers: readonly Autoscaler[];
};

/** Requests per second of both versions together, and what one pod is known to carry of them. */
type Load = { total: number; perPod: number; carriers: number };

function judge({ pods, survey, deployments, autoscalers }: Facts, subject: Subject): Judgement[] {
  const { canary, nextShare, writtenShare } = subject;
  if (canary.podLabels === null)
    return [skip(`${canary.version} (${canary.host}) has no pods in this cluster`)];
  if (nextShare === 0) return [skip('the next share is 0 %: the weights send nobody to the canary')];
  if (writtenShare !== null && writtenShare >= 100) return [skip('all requests are with the canary already')];
  const ready = podsOf(canary, pods).filter(isReady).length;
  const mine = deploymentsOf(canary, deployments);
  const autoscaler = autoscalersOf(mine, autoscalers)[0] ?? null;
  if (ready === 0) return [noneReady({ subject, mine, autoscaler })];
  const stableReady = podsOf(subject.stable, pods).filter(isReady).length;
  const load = loadOf(survey.requestsPerSecond, stableReady, subject);
  if (load === null) return [unmeasured(subject, survey.requestsPerSecond, stableReady)];
  return [decide({ subject, load, ready, mine, autoscaler })];
}

/**
 * A pod of stable carries what it is measured to carry now. Once a part is with the canary that understates it: then
 * the pods that carried everything at the start count, unless there are more of them by now because traffic has grown.
 */
function loadOf(
  stableRps: number | null,
  ready: number,
  { writtenShare, stableReadyAtStart }: Subject,
): Load | null {
  if (stableRps === null || stableRps <= 0 || ready === 0) return null;
  const total = stableRps / (1 - (writtenShare ?? 0) / 100);
  if (stableReadyAtStart !== null && stableReadyAtStart > 0 && ready <= stableReadyAtStart) {
    const known = Math.max(total / stableReadyAtStart, stableRps / ready);
    return { total, perPod: known, carriers: stableReadyAtStart };
  }
  return { total, perPod: stableRps / ready, carriers: ready };
}

function unmeasured({ stable, canary }: Subject, requests: number | null, ready: number): Judgement {
  const read =
    ready === 0
      ? `${stable.version} has no ready pod: nothing tells what a pod carries`
      : `${stable.version} has ${requests === null ? 'no measured' : `${requests}`} requests/s: nothing tells what a pod carries`;
  return unknown(
    read,
    `start when ${stable.version} has traffic, or compare the pods of ${canary.version} by hand`,
  );
}

type Canary = { subject: Subject; mine: readonly Deployment[]; autoscaler: Autoscaler | null };
type Case = Canary & { load: Load; ready: number };

function noneReady(of: Canary): Judgement {
  const { canary, nextShare } = of.subject;
  return error({
    read: `${canary.version} has 0 ready pods, and the next share is ${nextShare} %: 1 is needed at least`,
    means: `${nextShare} % of all requests would be sent where nobody answers them`,
    mend: `see what keeps its pods from being ready, or start one: ${scaleCommand(of, 1)}`,
    ...deploymentRef(of),
  });
}

function decide(of: Case): Judgement {
  const { subject, ready, autoscaler } = of;
  const needed = podsFor(subject.nextShare, of.load);
  const most = autoscaler?.spec.maxReplicas ?? null;
  if (ready < needed) return tooFew(of, needed, most);
  const last = Math.max(subject.nextShare, ...subject.shares);
  const inTheEnd = podsFor(last, of.load);
  if (most !== null && most < inTheEnd && autoscaler !== null)
    return capped(of, autoscaler, { last, inTheEnd });
  return pass(`${words(of)}: ${needed} needed`);
}

function podsFor(share: number, { total, perPod }: Load): number {
  return Math.max(1, Math.ceil((total * share) / 100 / perPod - 1e-9));
}

/**
 * No more than a warning: what a pod gets today is the least that it carries, and says nothing of the most. An
 * autoscaler acts on load that is there already: it shortens a shortage and does not prevent it.
 */
function tooFew(of: Case, needed: number, most: number | null): Judgement {
  const { nextShare, stable } = of.subject;
  const canGrow = most !== null && most >= needed;
  const limit = most === null ? '' : `, and its autoscaler goes up to ${most}`;
  return warn({
    read: `${words(of)}: ${needed} needed${limit}`,
    means: `at ${nextShare} % each pod of the canary would get more than a pod of ${stable.version} is known to carry${canGrow ? ' until the autoscaler has caught up' : ''}: it may carry that, and if not it fails for want of pods and not for what is new in it`,
    mend: scaleCommand(of, needed),
    ...deploymentRef(of),
  });
}

function capped(
  of: Case,
  { metadata, spec }: Autoscaler,
  end: { last: number; inTheEnd: number },
): Judgement {
  const { namespace } = of.subject.canary.service;
  const patch = `{"spec":{"maxReplicas":${end.inTheEnd}}}`;
  return warn({
    read: `HorizontalPodAutoscaler ${nameOf(metadata)} ends at ${spec.maxReplicas} pods, and ${end.last} % of ${round(of.load.total)} requests/s need ${end.inTheEnd}`,
    means: `the next share is carried, the ${end.last} % at the end of the plan would not be: the rollout would stop or go back on the way`,
    mend: `kubectl -n ${namespace} patch hpa ${metadata.name} --type=merge -p '${patch}'`,
    object: refTo('HorizontalPodAutoscaler', metadata),
    path: 'spec.maxReplicas',
  });
}

function words({ subject, load, ready }: Case): string {
  const { nextShare, canary } = subject;
  const part = (load.total * nextShare) / 100;
  return `${canary.version} has ${ready} ready pods; ${nextShare} % of ${round(load.total)} requests/s are ${round(part)}, and one pod is known to carry ${round(load.perPod)} (${load.carriers} pods of ${subject.stable.version})`;
}

function scaleCommand({ subject, mine, autoscaler }: Canary, needed: number): string {
  const kubectl = `kubectl -n ${subject.canary.service.namespace}`;
  if (autoscaler !== null) {
    const most = Math.max(autoscaler.spec.maxReplicas, needed);
    const patch = `{"spec":{"minReplicas":${needed},"maxReplicas":${most}}}`;
    return `${kubectl} patch hpa ${autoscaler.metadata.name} --type=merge -p '${patch}'`;
  }
  const [deployment] = mine;
  const name =
    deployment === undefined
      ? `<the workload of ${subject.canary.version}>`
      : `deployment/${deployment.metadata.name}`;
  return `${kubectl} scale ${name} --replicas=${needed}`;
}

function deploymentRef({ mine }: Canary) {
  const [deployment] = mine;
  return deployment === undefined
    ? {}
    : { object: refTo('Deployment', deployment.metadata), path: 'spec.replicas' };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
