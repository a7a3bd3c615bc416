import { defineCheck } from '../check.ts';
import { dataPlaneOf } from '../data-plane.ts';
import { bounded, countWords, listWords } from '../destination-rule/words.ts';
import type { Judgement, ObjectRef } from '../finding.ts';
import { error, orPass, skip, unknown, warn } from '../judgement.ts';
import type { PeerAuthentication, Pod, Service } from '../objects.ts';
import { type Decision, decisionWords, type EffectiveMode, effectiveMode } from '../peer-authentication.ts';
import { labelSetsOf, podsOf } from '../select.ts';
import type { Arm, MeshConfig, Subject } from '../snapshot.ts';
import { portPairsOf, unclearPorts } from '../workload-ports.ts';

/** `port`: of the pods, not of the Service. */
type AtPort = Decision & { port: number };

type Seen = {
  peerAuthentications: PeerAuthentication[];
  meshConfig: MeshConfig;
  pods: Pod[];
  services: Service[];
};

/**
 * What counts is what a port of the pods accepts that the Service sends to: others, such as one for metrics, are told.
 * Probes are no reason against STRICT, for the agent takes them in the pod's stead.
 * Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/ and
 * https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/
 */
export const modeIsAsRequired = defineCheck({
  id: 'PF-MT-01',
  title: "The canary's effective mutual TLS mode is the required one",
  family: 'mutual-tls',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['peerAuthentications', 'meshConfig', 'pods', 'services'],
  failsByAbsence: true,
  judge: (seen, subject) => {
    if (subject.canary.podLabels === null) {
      return [skip(`${subject.canary.host} has no pods in the cluster: no PeerAuthentication is for it`)];
    }
    const outside = podsOf(subject.canary, seen.pods).filter((pod) => dataPlaneOf(pod).kind === 'none');
    if (outside.length > 0) return [notEnforced(outside)];
    const unclear = unclearPorts(subject.canary, seen);
    if (unclear.length > 0) return unclear;
    const modes = modesOf(subject.canary, workloadPortsOf(subject.canary, seen), seen);
    return orPass(failuresIn(modes, subject, seen), readOf(modes, subject));
  },
});

function notEnforced(pods: readonly Pod[]): Judgement {
  const names = listWords(pods.map(({ metadata }) => metadata.name));
  return unknown(
    `${countWords(pods.length, 'pod')} of the canary without a proxy: ${names}; nobody enforces a mode there, whatever PeerAuthentications say`,
    'mend PF-SC-01 first, then ask again',
  );
}

function workloadPortsOf(arm: Arm, { services, pods }: Seen): number[] {
  const pairs = portPairsOf(arm, services, podsOf(arm, pods));
  return [...new Set(pairs.flatMap(({ workload }) => workload ?? []))];
}

/** One mode for each set of labels among the pods: they may differ while a template is rolled out. */
function modesOf(arm: Arm, ports: readonly number[], { peerAuthentications, meshConfig, pods }: Seen) {
  const { namespace } = arm.service;
  return labelSetsOf(arm, pods).map((labels) =>
    effectiveMode({ labels, namespace, ports }, peerAuthentications, meshConfig.rootNamespace),
  );
}

/** What the ports accept that the Service sends to. */
function decisionsIn(modes: readonly EffectiveMode[]): AtPort[] {
  return modes.flatMap(({ ports }) => ports);
}

function failuresIn(modes: readonly EffectiveMode[], subject: Subject, { pods }: Seen): Judgement[] {
  const { canary, requirements } = subject;
  const wrong = decisionsIn(modes).filter(({ mode }) => mode !== requirements.mutualTls);
  const captured = podsOf(canary, pods).map((pod) => dataPlaneOf(pod).kind);
  const isAmbient = captured.length > 0 && captured.every((kind) => kind === 'ambient');
  const all = wrong.map((one) => wrongMode(one, subject, isAmbient && one.mode !== 'STRICT'));
  const differing = all.filter(({ read }, at) => all.findIndex((one) => one.read === read) === at);
  return bounded(differing);
}

function wrongMode(decision: AtPort, { canary, requirements }: Subject, isAmbient: boolean) {
  const failure = {
    read: `canary ${canary.version} port ${decision.port} has mode ${decisionWords(decision)}; required is ${requirements.mutualTls}`,
    means: isAmbient ? meansInAmbient : meanings[decision.mode],
    mend: mendOf(decision, requirements.mutualTls, canary),
    ...(decision.decidedBy === null ? {} : { object: decision.decidedBy, path: pathOf(decision) }),
    undoneBy: ['peerAuthentications' as const],
  };
  return isAmbient || !requirements.insistsOnMutualTls ? warn(failure) : error(failure);
}

const meanings: Record<Decision['mode'], string> = {
  STRICT: 'callers that still send plaintext are refused by the canary, so its share of their requests fails',
  PERMISSIVE:
    'the canary answers plaintext too: whoever reaches its pods without a proxy is served, unencrypted and without an identity that a policy could ask for',
  DISABLE:
    'the canary takes plaintext only: requests that reach it are neither encrypted nor have an identity, and policies that name principals refuse them',
};

const meansInAmbient =
  'callers of the mesh are encrypted by the ztunnel of their node all the same; what comes from outside of the mesh is still taken in plaintext';

function pathOf({ level, decidedBy }: AtPort): string {
  return level === 'port' && decidedBy !== null ? 'spec.portLevelMtls' : 'spec.mtls.mode';
}

function mendOf({ level, decidedBy, port }: AtPort, required: string, { service }: Arm): string {
  if (decidedBy === null) return `say the mode for the namespace: ${created(service.namespace, required)}`;
  if (level === 'mesh') {
    return `say another mode for this namespace alone: ${created(service.namespace, required)}`;
  }
  const patch =
    level === 'port'
      ? `{"spec":{"portLevelMtls":{"${port}":{"mode":"${required}"}}}}`
      : `{"spec":{"mtls":{"mode":"${required}"}}}`;
  return `when all callers can do with it: ${patched(decidedBy, patch)}`;
}

function patched({ namespace, name }: ObjectRef, patch: string): string {
  return `kubectl -n ${namespace} patch peerauthentication ${name} --type merge -p '${patch}'`;
}

function created(namespace: string, mode: string): string {
  const object = `{"apiVersion":"security.istio.io/v1","kind":"PeerAuthentication","metadata":{"name":"default","namespace":"${namespace}"},"spec":{"mtls":{"mode":"${mode}"}}}`;
  return `kubectl apply -f - <<< '${object}'`;
}

function readOf(modes: readonly EffectiveMode[], { canary }: Subject): string {
  const words = decisionsIn(modes).map((decision) => `port ${decision.port} ${decisionWords(decision)}`);
  return `canary ${canary.version}: ${[...new Set(words)].join(', ')}`;
}
