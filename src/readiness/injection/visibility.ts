import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Gateway, Labels, ServiceEntry, Sidecar } from '../objects.ts';
import { labelSetsOf, nameOf } from '../select.ts';
import type { Callee, Caller, MeshConfig, Snapshot, Subject } from '../snapshot.ts';
import { type Scope, scopeOf, shows } from './sidecar-scope.ts';

export const sidecarsShowHosts = defineCheck({
  id: 'PF-SC-05',
  title: 'Sidecars show callers the split, and the canary what it calls',
  family: 'injection',
  priority: 'P2',
  codes: ['KIA1004', 'IST0110', 'IST0111'],
  again: false,
  severity: 'warn',
  needs: ['sidecars', 'callers', 'callees', 'serviceEntries', 'gateways', 'meshConfig', 'pods'],
  failsByAbsence: true,
  judge: (seen, subject) => judge(seen, subject),
});

type Value<Name extends keyof Snapshot> = Extract<Snapshot[Name], { kind: 'read' }>['value'];
type Facts = {
  sidecars: readonly Sidecar[];
  callers: readonly Caller[];
  callees: readonly Callee[];
  serviceEntries: readonly ServiceEntry[];
  gateways: readonly Gateway[];
  meshConfig: MeshConfig;
  pods: Value<'pods'>;
};

/** What a workload must see: what it is called, and where it is defined. */
type Wanted = { what: string; namespace: string; host: string };
type Workload = { name: string; namespace: string; labels: Readonly<Labels> | null };

function judge(facts: Facts, subject: Subject): Judgement[] {
  if (facts.sidecars.length === 0) return [skip('there is no Sidecar: every proxy sees every host')];
  const callers = facts.callers.filter((caller) => !isGateway(caller, facts.gateways));
  const called = calledBy(facts);
  const judged = [
    ...callers.flatMap((caller) => callerSees(caller, facts, subject)),
    ...canariesOf(facts, subject).flatMap((canary) => look(canary, called, facts, canaryBlind)),
  ];
  const failures = judged.flatMap((one) => (one.result === 'fail' ? [one] : []));
  const gaps = judged.filter(({ result }) => result === 'unknown');
  if (judged.length > 0) return [...bounded(failures), ...gaps.slice(0, 1)];
  const { version } = subject.canary;
  return [
    pass(
      `${callers.length} callers see ${subject.canary.host}, and ${version} sees the ${called.length} hosts that stable calls`,
    ),
  ];
}

/** Sidecars hold for sidecars: a gateway is recognised by what Gateways select. */
function isGateway({ workload }: Caller, gateways: readonly Gateway[]): boolean {
  const selected = gateways.flatMap(({ spec }) => Object.values(spec.selector ?? {}));
  return selected.some((value) => workload === value || workload === `istio-${value}`);
}

function callerSees(caller: Caller, facts: Facts, subject: Subject): Judgement[] {
  const workload = { name: caller.workload, namespace: caller.namespace, labels: null };
  return look(workload, splitOf(facts.meshConfig, subject), facts, callerBlind);
}

/** A caller that sees a Service and not the VirtualService that moves it spreads its requests as it likes. */
function splitOf({ clusterDomain }: MeshConfig, { stable, canary, virtualServices }: Subject): Wanted[] {
  const services = new Map([stable, canary].map(({ service }) => [nameOf(service), service]));
  const wanted = [...services.values()].map((service) => ({
    what: `Service ${nameOf(service)}`,
    namespace: service.namespace,
    host: `${service.name}.${service.namespace}.svc.${clusterDomain}`,
  }));
  const [first] = wanted;
  const routes = virtualServices.map((one) => ({
    what: `VirtualService ${nameOf(one)}`,
    namespace: one.namespace,
    host: first?.host ?? stable.host,
  }));
  return [...wanted, ...routes];
}

/** A host outside the mesh is where its ServiceEntry is; PF-EG-01 tells those that have none. */
function calledBy({ callees, serviceEntries }: Facts): Wanted[] {
  return callees.flatMap(({ host, service }): Wanted[] => {
    if (service !== null) return [{ what: `Service ${nameOf(service)}`, namespace: service.namespace, host }];
    const [entry] = serviceEntries.filter(({ spec }) => spec.hosts.includes(host));
    const namespace = entry?.metadata.namespace;
    return namespace === undefined ? [] : [{ what: `ServiceEntry host ${host}`, namespace, host }];
  });
}

function canariesOf({ pods }: Facts, { canary }: Subject): Workload[] {
  if (canary.podLabels === null) return [];
  const { namespace } = canary.service;
  return labelSetsOf(canary, pods).map((labels) => ({ name: canary.version, namespace, labels }));
}

type Say = (workload: Workload, sidecar: Sidecar, hidden: Wanted) => Failure;

function look(workload: Workload, wanted: readonly Wanted[], facts: Facts, say: Say): Judgement[] {
  const scope = scopeOf(workload, facts.sidecars, facts.meshConfig.rootNamespace);
  return wanted.flatMap((one) => judgeOne(workload, scope, one, say));
}

function judgeOne(workload: Workload, scope: Scope, wanted: Wanted, say: Say): Judgement[] {
  switch (scope.kind) {
    case 'none':
      return [];
    case 'sidecar':
      return shows(scope.sidecar, wanted) ? [] : [say(workload, scope.sidecar, wanted)];
    case 'unsure':
      return unsure(workload, scope.candidates, wanted, say);
  }
}

/** Whichever Sidecar holds, the answer is known when all give the same. */
function unsure(workload: Workload, candidates: readonly Sidecar[], wanted: Wanted, say: Say): Judgement[] {
  const [hiding, ...others] = candidates.filter((one) => !shows(one, wanted));
  if (hiding === undefined) return [];
  if (others.length + 1 === candidates.length) return [say(workload, hiding, wanted)];
  const { namespace = '', name } = hiding.metadata;
  return [
    unknown(
      `Sidecar ${namespace}/${name} hides ${wanted.what}, and whether it selects ${workload.namespace}/${workload.name} is not known`,
      `compare its workloadSelector with the labels of the pods: kubectl -n ${namespace} get sidecar ${name} -o yaml`,
    ),
  ];
}

function callerBlind({ name, namespace }: Workload, sidecar: Sidecar, hidden: Wanted): Failure {
  return warn({
    ...fault(`caller ${namespace}/${name}`, sidecar, hidden),
    means: `its proxy does not know ${hidden.what}: its requests would not follow the canary's share, and would go on to the canary after it was taken back`,
  });
}

function canaryBlind({ name }: Workload, sidecar: Sidecar, hidden: Wanted): Failure {
  return warn({
    ...fault(name, sidecar, hidden),
    means: `the canary would call ${hidden.what} past the routes, subsets and TLS settings of the mesh, or not at all under REGISTRY_ONLY`,
  });
}

function fault(
  who: string,
  { metadata }: Sidecar,
  hidden: Wanted,
): Omit<Failure, 'result' | 'severity' | 'means'> {
  return {
    read: `Sidecar ${nameOf(metadata)}, which holds for ${who}, hides ${hidden.what}`,
    mend: `add "${hidden.namespace}/${hidden.host}" to its egress hosts: kubectl -n ${metadata.namespace} edit sidecar ${metadata.name}`,
    object: refTo('Sidecar', metadata),
    path: 'spec.egress',
    undoneBy: ['sidecars', 'gateways'],
  };
}
