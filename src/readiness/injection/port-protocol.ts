import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { error, info, orPass, refTo, skip, unknown } from '../judgement.ts';
import type { Service, VirtualService } from '../objects.ts';
import { type Protocol, protocolOf, type ServicePort } from '../protocols.ts';
import { nameOf } from '../select.ts';
import type { Arm, Subject } from '../snapshot.ts';

export const portIsHttp = defineCheck({
  id: 'PF-SC-07',
  title: 'Istio takes the port that is moved for HTTP',
  family: 'injection',
  priority: 'P0',
  codes: ['KIA0601', 'KIA0602', 'IST0118'],
  again: false,
  severity: 'error',
  needs: ['services', 'movedVirtualServices'],
  judge: ({ services, movedVirtualServices }, subject) => judge(services, movedVirtualServices, subject),
});

function judge(
  services: readonly Service[],
  moved: readonly VirtualService[],
  subject: Subject,
): Judgement[] {
  if (subject.virtualServices.every(({ routes }) => routes.every(({ kind }) => kind !== 'http'))) {
    return [skip('only TLS and TCP routes are moved: their ports need not be HTTP')];
  }
  const arms = [subject.stable, subject.canary].filter(({ podLabels }) => podLabels !== null);
  const unique = new Map(arms.map((arm) => [nameOf(arm.service), arm]));
  if (unique.size === 0) return [skip(`${subject.canary.host} is no Service of this cluster`)];
  return [...unique.values()].flatMap((arm) => judgeService(arm, services, moved));
}

function judgeService(arm: Arm, services: readonly Service[], moved: readonly VirtualService[]): Judgement[] {
  const name = nameOf(arm.service);
  const service = services.find(({ metadata }) => nameOf(metadata) === name);
  if (service === undefined) {
    const mend = `see that it is there and may be read: kubectl -n ${arm.service.namespace} get service ${arm.service.name}`;
    return [unknown(`Service ${name} was not found: its ports are not known`, mend)];
  }
  const ports = portsOf(service, numbersFor(arm, moved));
  if (ports.length === 0)
    return [unknown(`Service ${name} has none of the ports that are moved`, 'see PF-VS-03')];
  const throughGateway = moved.some(({ spec }) => spec.gateways?.some((gateway) => gateway !== 'mesh'));
  const faults = ports.flatMap((port) => fault(service, port, throughGateway));
  const seen = ports.map((port) => `${portWords(port)} (${protocolWords[protocolOf(port)]})`);
  return orPass(faults, `Service ${name}: ${seen.join(', ')}`);
}

/** The ports that the moved http routes name for this arm's host; none stands for what the Service has. */
function numbersFor(arm: Arm, moved: readonly VirtualService[]): number[] {
  return moved.flatMap(({ metadata, spec }) => {
    const destinations = (spec.http ?? []).flatMap(({ route }) => route ?? []);
    return destinations.flatMap(({ destination }) => {
      const number = destination?.port?.number;
      return number && isHostOf(destination.host, metadata.namespace, arm) ? [number] : [];
    });
  });
}

/** Only a host without a dot is a short name, and it means the namespace of its VirtualService. */
function isHostOf(host: string, namespace: string | undefined, { service }: Arm): boolean {
  if (!host.includes('.')) return host === service.name && namespace === service.namespace;
  return host.startsWith(`${service.name}.${service.namespace}.svc`);
}

/** Of several ports without one named, those that are HTTP are the ones an http route moves. */
function portsOf({ spec }: Service, numbers: readonly number[]): ServicePort[] {
  const ports = spec.ports ?? [];
  if (numbers.length > 0) return ports.filter(({ port }) => numbers.includes(port));
  const usable = ports.filter((port) => protocolOf(port) !== 'other');
  return usable.length > 0 ? usable : ports;
}

const protocolWords: Record<Protocol, string> = {
  http: 'HTTP',
  detected: 'detected at each connection',
  other: 'not HTTP',
};

function fault({ metadata, spec }: Service, port: ServicePort, throughGateway: boolean): Judgement[] {
  const protocol = protocolOf(port);
  if (protocol === 'http' || (protocol === 'detected' && !throughGateway)) return [];
  const index = spec.ports?.indexOf(port) ?? 0;
  const place = { object: refTo('Service', metadata), path: `spec.ports[${index}].appProtocol` };
  const patch = `[{"op":"add","path":"/spec/ports/${index}/appProtocol","value":"http"}]`;
  const mend = `if it speaks HTTP, say so (grpc for gRPC): kubectl -n ${metadata.namespace} patch service ${metadata.name} --type=json -p '${patch}'`;
  if (protocol === 'detected') {
    return [
      info({
        ...place,
        read: `Service ${nameOf(metadata)}: ${portWords(port)} says no protocol, and a gateway does not detect it`,
        means: 'gateways speak HTTP/1.1 to both versions whatever their callers speak: gRPC would fail there',
        mend,
      }),
    ];
  }
  return [
    error({
      ...place,
      read: `Service ${nameOf(metadata)}: Istio takes ${portWords(port)} for something else than HTTP`,
      means:
        'the http route does not hold for this port: users would be spread over the pods of both versions whatever the share, and no HTTP metrics would judge them',
      mend,
    }),
  ];
}

function portWords({ name, port, protocol, appProtocol }: ServicePort): string {
  const words = [
    ...(name ? [`named ${name}`] : []),
    ...(appProtocol ? [`appProtocol ${appProtocol}`] : []),
    ...(protocol === 'UDP' ? ['UDP'] : []),
  ];
  return words.length === 0 ? `port ${port}` : `port ${port} (${words.join(', ')})`;
}
