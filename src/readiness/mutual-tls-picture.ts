import { type EffectiveMode, effectiveMode } from './peer-authentication.ts';
import { labelSetsOf, podsOf } from './select.ts';
import type { Arm, Caller, Fact, FactName, Snapshot } from './snapshot.ts';
import { containerPorts, portPairsOf } from './workload-ports.ts';

/** What is known, or why it is not and what makes it known. */
type Known<Value> = { kind: 'known'; value: Value } | { kind: 'unknown'; why: string; mend: string };

/** One mode for each set of labels that the pods have; `ports` are those where the port's mode is another one. */
type ArmModes = readonly (EffectiveMode & { labels: Readonly<Record<string, string>> })[];

type PlaintextSource = {
  workload: string;
  namespace: string;
  requestsPerSecond: number;
  plaintextPerSecond: number;
  /** Ratio 0..1 of this source's requests; null when it sends none. */
  plaintextRatio: number | null;
};

/** `ratio`: 0..1 of all requests of the service; null when it has none. Sources with the most plaintext come first. */
type Plaintext = { ratio: number | null; sources: readonly PlaintextSource[] };

export type MutualTlsPicture = {
  modes: { stable: Known<ArmModes>; canary: Known<ArmModes> };
  plaintext: Known<Plaintext>;
  /** Seconds that each proxy's certificate is still valid, the shortest first; `ttl` is how long one lives. */
  certificates: Known<{
    ttl: number;
    pods: readonly { pod: string; arm: 'stable' | 'canary'; secondsLeft: number }[];
  }>;
};

/** What the picture is made of. */
export const pictureFacts = [
  'peerAuthentications',
  'meshConfig',
  'pods',
  'services',
  'callers',
  'metricLabels',
  'proxyCertificates',
] as const satisfies readonly FactName[];

type Read = Pick<Snapshot, 'subject' | (typeof pictureFacts)[number]>;

/** Mutual TLS around a target: what its pods accept and by whose word, who comes without, and how long it lasts. */
export function mutualTlsPicture(snapshot: Read): MutualTlsPicture {
  const { subject, callers, metricLabels, proxyCertificates } = snapshot;
  const labelled = known(metricLabels);
  const plaintext = labelled.kind === 'unknown' ? labelled : plaintextOf(labelled.value, callers);
  return {
    modes: { stable: modesOf(subject.stable, snapshot), canary: modesOf(subject.canary, snapshot) },
    plaintext,
    certificates: certificatesOf(proxyCertificates),
  };
}

function modesOf(arm: Arm, { peerAuthentications, meshConfig, pods, services }: Read): Known<ArmModes> {
  if (arm.podLabels === null) {
    const why = `${arm.host} has no pods in the cluster`;
    return { kind: 'unknown', why, mend: 'ask whoever runs it what it accepts' };
  }
  const policies = known(peerAuthentications);
  if (policies.kind === 'unknown') return policies;
  const mesh = known(meshConfig);
  if (mesh.kind === 'unknown') return mesh;
  const running = known(pods);
  if (running.kind === 'unknown') return running;
  const theirs = known(services);
  if (theirs.kind === 'unknown') return theirs;
  const own = podsOf(arm, running.value);
  const sentTo = portPairsOf(arm, theirs.value, own).flatMap(({ workload }) => workload ?? []);
  const listened = own.flatMap(containerPorts).map(({ containerPort }) => containerPort);
  const ports = [...new Set([...sentTo, ...listened])].toSorted((one, other) => one - other);
  const { namespace } = arm.service;
  const modes = labelSetsOf(arm, running.value).map((labels) => {
    const mode = effectiveMode({ labels, namespace, ports }, policies.value, mesh.value.rootNamespace);
    return { ...mode, ports: mode.ports.filter((port) => port.mode !== mode.mode), labels };
  });
  return { kind: 'known', value: modes };
}

function plaintextOf(labels: readonly string[], callers: Fact<Caller[]>): Known<Plaintext> {
  if (!labels.includes('connection_security_policy')) {
    const why = 'the metrics have no label connection_security_policy, which tells plaintext from mutual TLS';
    return { kind: 'unknown', why, mend: 'remove the Telemetry override that drops the label' };
  }
  const found = known(callers);
  if (found.kind === 'unknown') return found;
  const sources = found.value
    .map(({ workload, namespace, requestsPerSecond, plaintextPerSecond }) => ({
      workload,
      namespace,
      requestsPerSecond,
      plaintextPerSecond,
      plaintextRatio: ratioOf(plaintextPerSecond, requestsPerSecond),
    }))
    .toSorted(byPlaintext);
  const all = sources.reduce((total, one) => total + one.requestsPerSecond, 0);
  const inPlain = sources.reduce((total, one) => total + one.plaintextPerSecond, 0);
  return { kind: 'known', value: { ratio: ratioOf(inPlain, all), sources } };
}

function byPlaintext(one: PlaintextSource, other: PlaintextSource): number {
  const nameOf = ({ namespace, workload }: PlaintextSource) => `${namespace}/${workload}`;
  return other.plaintextPerSecond - one.plaintextPerSecond || (nameOf(one) < nameOf(other) ? -1 : 1);
}

function ratioOf(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function certificatesOf(fact: Snapshot['proxyCertificates']): MutualTlsPicture['certificates'] {
  const found = known(fact);
  if (found.kind === 'unknown') return found;
  const pods = found.value.pods.toSorted((one, other) => one.secondsLeft - other.secondsLeft);
  return { kind: 'known', value: { ttl: found.value.ttl, pods } };
}

/** What was read in part is not known: the missing part may be the one that decides. */
function known<Value>(fact: Fact<Value>): Known<Value> {
  if (fact.kind === 'unread') return { kind: 'unknown', why: fact.why, mend: fact.mend };
  const gaps = fact.gaps ?? [];
  if (gaps.length === 0) return { kind: 'known', value: fact.value };
  return {
    kind: 'unknown',
    why: `not everything could be read: ${gaps.join('; ')}`,
    mend: 'let canaryd read these, or mend their form',
  };
}
