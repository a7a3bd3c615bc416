import type { Judgement } from './finding.ts';
import { unknown } from './judgement.ts';
import type { Pod, Service } from './objects.ts';
import { nameOf, podsOf } from './select.ts';
import type { Arm } from './snapshot.ts';

/** A port of the Service and the port of the pods that it sends to; null when no pod says which its name is. */
export type PortPair = { service: number; workload: number | null };

/** The ports of an arm's Service with those of its pods; none when the Service is not among these. */
export function portPairsOf(
  { service }: Arm,
  services: readonly Service[],
  pods: readonly Pod[],
): PortPair[] {
  const found = services.find(({ metadata }) => nameOf(metadata) === nameOf(service));
  return (found?.spec.ports ?? []).flatMap(({ port, targetPort }) =>
    workloadPorts(port, targetPort, pods).map((workload) => ({ service: port, workload })),
  );
}

/** That it is not known which ports of an arm's pods take requests; nothing when it is. */
export function unclearPorts(
  arm: Arm,
  { services, pods }: { services: readonly Service[]; pods: readonly Pod[] },
): Judgement[] {
  const name = nameOf(arm.service);
  const pairs = portPairsOf(arm, services, podsOf(arm, pods));
  if (pairs.length === 0) {
    return [unknown(`Service ${name} was not found, or has no ports`, 'mend PF-VS-03 first, then ask again')];
  }
  const unnamed = pairs.filter(({ workload }) => workload === null).map(({ service }) => service);
  if (unnamed.length === 0) return [];
  return [
    unknown(
      `Service ${name} sends port ${unnamed.join(', ')} to a named port that no container of ${arm.version} has`,
      'name the port in the containers, or give the Service its number as targetPort',
    ),
  ];
}

/** Pods of one Service may give the same name to different ports. */
function workloadPorts(
  port: number,
  targetPort: number | string | null | undefined,
  pods: readonly Pod[],
): (number | null)[] {
  if (typeof targetPort !== 'string') return [targetPort || port];
  const named = pods.flatMap((pod) => containerPorts(pod).filter(({ name }) => name === targetPort));
  const numbers = [...new Set(named.map(({ containerPort }) => containerPort))];
  return numbers.length > 0 ? numbers.toSorted((one, other) => one - other) : [null];
}

/** Ports that the containers of a pod say they listen on. */
export function containerPorts({ spec }: Pod): { name?: string | null | undefined; containerPort: number }[] {
  return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ ports }) => ports ?? []);
}
