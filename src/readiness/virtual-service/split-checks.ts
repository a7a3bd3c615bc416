import { type Check, defineCheck } from '../check.ts';
import { type DecidingRule, namesOf, ruleFor } from '../destination-rules-of.ts';
import type { Failure, Judgement, ObjectRef } from '../finding.ts';
import { bounded, error, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { DestinationRule, VirtualService } from '../objects.ts';
import type { Arm, MeshConfig, Split, Subject } from '../snapshot.ts';
import { gatewaysOf } from './claims.ts';
import { armName, canaryShareOf, editing, judgeMoved, type Moved, refToMoved } from './moved.ts';
import { weightsIn } from './weights.ts';

type Fault = Extract<Split, { kind: 'fault' }>;

/** What is asked one after the other: the first fault hides what comes behind it. */
const stages = ['PF-VS-01', 'PF-VS-02', 'PF-VS-03', 'PF-VS-04'] as const;
type Stage = (typeof stages)[number];

const stageOf: Record<Fault['code'], Stage> = {
  missing: 'PF-VS-01',
  'route-not-found': 'PF-VS-01',
  'route-ambiguous': 'PF-VS-01',
  'unsupported-shape': 'PF-VS-01',
  'destination-not-in-route': 'PF-VS-02',
  'split-not-at-rest': 'PF-VS-02',
  'canary-ambiguous': 'PF-VS-02',
  'service-not-found': 'PF-VS-03',
  'subset-not-found': 'PF-VS-04',
};

/**
 * What the split says of one stage: its own fault, that an earlier one hides it, or nothing.
 * @param means what a fault of this stage does to the rollout
 */
export function splitJudgement(
  stage: Stage,
  split: Split,
  { means, subject }: { means: string; subject: Subject },
): Judgement[] {
  if (split.kind === 'ready') return [];
  const at = stageOf[split.code];
  if (at === stage) return [faultOf(split, means, subject)];
  if (stages.indexOf(at) > stages.indexOf(stage)) return [];
  return [unknown(`it cannot be told before ${at} passes: ${split.message}`, `mend ${at} and ask again`)];
}

function faultOf({ message, path }: Fault, means: string, { virtualServices }: Subject): Judgement {
  const [only, second] = virtualServices;
  const object: ObjectRef | null =
    only === undefined || second !== undefined ? null : refTo('VirtualService', only);
  const names = virtualServices.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
  const commands = virtualServices
    .map(({ namespace, name }) => `kubectl -n ${namespace} edit virtualservice ${name}`)
    .join(' or ');
  return error({
    read: `${names}: ${message}`,
    means,
    mend: `change what this names, in Git where the object comes from there: ${commands}`,
    ...(object === null ? {} : { object }),
    ...(path === '' ? {} : { path }),
    undoneBy: [],
  });
}

/** Reference: https://istio.io/latest/docs/reference/config/networking/virtual-service/ */
export const routeStands: Check = defineCheck({
  id: 'PF-VS-01',
  title: 'Each route to be moved stands in its VirtualService, in a form that canaryd can move',
  family: 'virtual-service',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['split'],
  judge: ({ split }, subject) => {
    const means = `canaryd does not know which weights bring ${armName(subject.canary)} its share, so it would write none and the rollout cannot start`;
    const routes = subject.virtualServices.map(
      (one) => `${routeWords(one.routes.length)} of ${one.namespace}/${one.name}`,
    );
    const read = `${routes.join(', ')} found, with ${armName(subject.stable)} and ${armName(subject.canary)}`;
    return orPass(splitJudgement('PF-VS-01', split, { means, subject }), read);
  },
});

function routeWords(count: number): string {
  return count === 1 ? 'the route' : `${count} routes`;
}

/**
 * Weights are parts of their sum, and a sole destination gets everything.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination (weight)
 */
export const canaryAtRest: Check = defineCheck({
  id: 'PF-VS-02',
  title: 'Before the start each route has both destinations, and the canary has nothing',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['KIA1104'],
  again: false,
  severity: 'error',
  needs: ['split', 'movedVirtualServices'],
  judge: ({ split, movedVirtualServices }, subject) => {
    if (subject.writtenShare !== null) {
      return [skip('the rollout has begun: PF-VS-10 compares its share with the weights')];
    }
    const means = `users might be on ${armName(subject.canary)} before its first check, or canaryd could not tell which destination is the canary`;
    const told = splitJudgement('PF-VS-02', split, { means, subject });
    if (told.length > 0) return told;
    return judgeMoved(movedVirtualServices, subject, (moved) => {
      const early = moved.filter((one) => canaryShareOf(one, subject) > 0);
      return orPass(
        bounded(early.map((one) => notAtRest(one, subject))),
        moved.map((one) => `${one.called}: ${weightsIn(one)}`).join('; '),
      );
    });
  },
});

function notAtRest(moved: Moved, subject: Subject) {
  const canary = armName(subject.canary);
  return error({
    read: `${moved.called} sends ${canaryShareOf(moved, subject)} % to ${canary}: ${weightsIn(moved)}; a rollout starts at 0 %`,
    means: `users are on ${canary} before its first check, and going back would leave them there`,
    mend: `give ${canary} the weight 0 in ${moved.path}.route: ${editing(moved)}`,
    object: refToMoved(moved),
    path: `${moved.path}.route`,
  });
}

/**
 * Which rule decides for a client, and whether it sees it, is Istio's order of namespaces: see `ruleFor`.
 * Source: https://istio.io/latest/docs/ops/best-practices/traffic-management/#cross-namespace-configuration
 */
export const subsetDefined: Check = defineCheck({
  id: 'PF-VS-04',
  title: 'The subsets of both destinations are defined by the DestinationRule that their callers obey',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['KIA1107', 'IST0101'],
  again: false,
  severity: 'error',
  needs: ['split', 'movedVirtualServices', 'destinationRules', 'meshConfig'],
  failsByAbsence: true,
  judge: ({ split, movedVirtualServices, destinationRules, meshConfig }, subject) => {
    const arms = [subject.stable, subject.canary].filter(({ subset }) => subset !== null);
    if (arms.length === 0) return [skip('no destination names a subset: each has a host of its own')];
    const clients = clientsOf(movedVirtualServices, subject);
    const mesh = { rules: destinationRules, meshConfig, clients };
    const lost = arms.flatMap((arm) => lostFor(arm, mesh));
    const isFault = split.kind === 'fault' && split.code === 'subset-not-found';
    if (isFault && lost.length === 0) return [definedElsewhere(split, arms, mesh)];
    const means = `requests for the subset that is missing would be answered with 503, on the way forward or on the way back`;
    const told = splitJudgement('PF-VS-04', split, { means, subject });
    if (told.length > 0) return told;
    const read = arms.map((arm) => `${arm.subset} by ${sourcesOf(arm, mesh)}`).join(', ');
    return orPass(bounded(lost), `defined for ${mesh.clients.join(', ')}: ${read}`);
  },
});

type Mesh = { rules: DestinationRule[]; meshConfig: MeshConfig; clients: string[] };

/** The namespaces that are known to send requests by the split: the object's own, and those of its gateways. */
function clientsOf(moved: readonly VirtualService[], { virtualServices }: Subject): string[] {
  const gateways = moved.flatMap((object) => gatewaysOf(object).filter((name) => name.includes('/')));
  const ofGateways = gateways.map((name) => name.split('/')[0] ?? '');
  return [...new Set([...virtualServices.map(({ namespace }) => namespace), ...ofGateways])];
}

function lostFor(arm: Arm, { rules, meshConfig, clients }: Mesh): Failure[] {
  return clients.flatMap((client) => {
    const rule = ruleFor(client, arm, rules, meshConfig);
    if (rule?.subsets.some(({ name }) => name === arm.subset)) return [];
    return [rule === null ? withoutRule(arm, client) : withoutSubset(arm, client, rule)];
  });
}

function lostMeans({ subset }: Arm): string {
  return `their requests to ${subset} are answered with 503: for the canary that is a failed rollout, for stable an outage on the way back`;
}

function subsetOf({ subset, version }: Arm): string {
  return `{"name":"${subset}","labels":{"version":"${version}"}}`;
}

function withoutRule(arm: Arm, client: string): Failure {
  const { name, namespace } = arm.service;
  return error({
    read: `callers in ${client} see no DestinationRule of ${arm.host}, and the route sends to its subset ${arm.subset}`,
    means: lostMeans(arm),
    mend: `add ${subsetOf(arm)} to spec.subsets of one in ${namespace} that is exported to ${client}: kubectl -n ${namespace} edit destinationrule ${name}`,
    undoneBy: ['destinationRules'],
  });
}

function withoutSubset(arm: Arm, client: string, rule: DecidingRule): Failure {
  const [source] = rule.sources;
  const metadata = source?.metadata ?? arm.service;
  return error({
    read: `callers in ${client} obey ${namesOf(rule)}, which has no subset ${arm.subset}`,
    means: lostMeans(arm),
    mend: `add ${subsetOf(arm)} to its spec.subsets: kubectl -n ${metadata.namespace} edit destinationrule ${metadata.name}`,
    object: refTo('DestinationRule', metadata),
    path: 'spec.subsets',
    undoneBy: ['destinationRules'],
  });
}

function sourcesOf(arm: Arm, { rules, meshConfig, clients }: Mesh): string {
  const names = clients.map((client) => namesOf(ruleFor(client, arm, rules, meshConfig)));
  return [...new Set(names)].join(' and ');
}

/** Istio finds the subset; canaryd looks for the labels of its pods where the Service is. */
function definedElsewhere({ message, path }: Fault, arms: readonly Arm[], mesh: Mesh): Judgement {
  const [arm] = arms;
  const where = arm === undefined ? '' : sourcesOf(arm, mesh);
  const namespace = arm?.service.namespace ?? '';
  return warn({
    read: `${message}; callers do find it, in ${where}`,
    means: `requests arrive, but canaryd looks for the pods of a subset in the DestinationRules of ${namespace} and refuses the target until it stands there`,
    mend: `put the DestinationRule with both subsets into ${namespace}: kubectl -n ${namespace} get destinationrules`,
    path,
    undoneBy: [],
  });
}
