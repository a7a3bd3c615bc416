import type { Readiness } from '../rollout/ports/mesh.ts';
import type { Taken } from '../traffic/break-glass.ts';
import { serviceOf } from '../traffic/host.ts';
import type { Kube, KubeRead } from '../traffic/kube.ts';
import { isMisshapen } from '../traffic/virtual-service.ts';
import { armOf, countReady } from '../traffic/workload.ts';

type Reading = Pick<Kube, 'readService' | 'listDestinationRules' | 'listPods'>;

/**
 * Who is ready behind stable. Never fails, and never takes longer than `signal` lets it: emergency credentials need
 * not be allowed to read services, DestinationRules and pods.
 */
export async function readStablePods(kube: Reading, taken: Taken, signal: AbortSignal): Promise<Readiness> {
  const { host, subset } = taken.stable;
  const service = serviceOf(host, taken.clusterDomain);
  if (service === null) return unknown(`${host} is no Kubernetes service`);
  const [read, rules] = await Promise.all([
    kube.readService(service, signal),
    subset === null ? noRules : kube.listDestinationRules(service.namespace, signal),
  ]);
  if (read.kind !== 'found') return unknown(whyNot(read, `the service ${service.name}`));
  if (rules.kind !== 'found') return unknown(whyNot(rules, 'the DestinationRules'));
  const { selector = {} } = read.value.spec;
  if (Object.keys(selector).length === 0) return unknown(`the service ${service.name} has no selector`);
  const destination = { host, subset, at: [], weight: null, share: 100 };
  const arm = armOf(destination, { service, selector, rules: rules.value }, taken.clusterDomain);
  if (isMisshapen(arm)) return unknown(arm.fault.message);
  const { podLabels } = arm;
  if (podLabels === null) return unknown(`${service.name} selects no pods`);
  const pods = await kube.listPods(service.namespace, podLabels, signal);
  return pods.kind === 'found' ? countReady(pods.value, podLabels) : unknown(whyNot(pods, 'the pods'));
}

const noRules: Awaited<ReturnType<Reading['listDestinationRules']>> = { kind: 'found', value: [] };

function unknown(why: string): Readiness {
  return { kind: 'unknown', why };
}

function whyNot(read: Exclude<KubeRead<never>, { kind: 'found' }>, what: string): string {
  return read.kind === 'missing' ? `${what} is not there` : read.why;
}
