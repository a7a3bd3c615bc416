import { sorted } from '../authorization/policies.ts';
import { isRenewedInTime, renewalOverdue } from '../certificates/renewal.ts';
import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Deployment, Gateway, ServiceEntry } from '../objects.ts';
import { hasLabels, nameOf } from '../select.ts';
import type { GatewayCertificate, Millis, Subject } from '../snapshot.ts';
import { egressGatewaysOf, type Used } from './used.ts';

const secondsKept = 7 * 86_400;

type Seen = {
  gateways: readonly Gateway[];
  deployments: readonly Deployment[];
  serviceEntries: readonly ServiceEntry[];
  gatewayCertificates: readonly GatewayCertificate[];
};

/**
 * A gateway is one of ours when a VirtualService sends a host that stable calls through it; its Deployments are those
 * whose pods its selector selects. Source: https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export const egressGateway = defineCheck({
  id: 'PF-EG-04',
  title: 'The egress gateway is ready and its certificate outlives the rollout',
  family: 'egress',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['callees', 'virtualServices', 'gateways', 'deployments', 'serviceEntries', 'gatewayCertificates'],
  failsByAbsence: true,
  judge: ({ callees, virtualServices, ...seen }, subject, at) => {
    const used = egressGatewaysOf(callees, virtualServices, subject);
    if (used.length === 0)
      return [skip('no host outside the mesh that stable calls leaves by an egress gateway')];
    const until = at + (subject.deadline + secondsKept) * 1000;
    const wrong = used.flatMap((one) => [
      ...readiness(one, seen, subject),
      ...unseenCertificates(one, seen),
      ...certificates(one, seen, { until, at }),
    ]);
    const names = used.map(({ gateway }) => gateway).join(', ');
    return orPass(
      wrong,
      `${names}: pods are ready or stand in another cluster, and certificates last until ${day(until)} or are renewed before they end`,
    );
  },
});

function readiness({ gateway, through }: Used, seen: Seen, { canary }: Subject): Judgement[] {
  const object = seen.gateways.find(({ metadata }) => nameOf(metadata) === gateway);
  if (object === undefined) {
    return [
      unknown(
        `Gateway ${gateway} is not among those that were read`,
        `kubectl get gateways.networking.istio.io -A`,
      ),
    ];
  }
  const deployments = sorted(seen.deployments).filter(({ spec }) =>
    hasLabels(spec.template.metadata?.labels, object.spec.selector),
  );
  if (deployments.length === 0) return standsElsewhere(gateway, through, seen);
  const ready = deployments.reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
  if (ready > 0) return [];
  const [first] = deployments;
  const where =
    first === undefined
      ? ''
      : `kubectl -n ${first.metadata.namespace ?? 'default'} get deployment ${first.metadata.name}`;
  return [
    warn({
      read: `Gateway ${gateway} has 0 ready pods in ${deployments.map(({ metadata }) => nameOf(metadata)).join(', ')}`,
      means: `no call of ${canary.version} through it leaves the mesh; nor does one of stable, so its errors say nothing about the canary`,
      mend: `see why: ${where} -o yaml`,
      ...(first === undefined
        ? {}
        : { object: refTo('Deployment', first.metadata), path: 'status.readyReplicas' }),
      undoneBy: ['deployments'],
    }),
  ];
}

/** A gateway that several clusters share is registered here by a ServiceEntry. */
function standsElsewhere(gateway: string, through: readonly string[], { serviceEntries }: Seen): Judgement[] {
  const isShared = serviceEntries.some(
    ({ spec }) => spec.location === 'MESH_INTERNAL' && spec.hosts.some((host) => through.includes(host)),
  );
  if (isShared) return [];
  return [
    unknown(
      `no Deployment that was read has the labels of Gateway ${gateway}`,
      `let canaryd read the Deployments of its namespace, or see for yourself: kubectl get deployments -A | grep egress`,
    ),
  ];
}

/** A server names a certificate that nobody looked at. */
function unseenCertificates({ gateway }: Used, { gateways, gatewayCertificates }: Seen): Judgement[] {
  const object = gateways.find(({ metadata }) => nameOf(metadata) === gateway);
  const named = (object?.spec.servers ?? []).flatMap(({ tls }) => tls?.credentialName ?? []);
  const seen = gatewayCertificates.filter((one) => one.gateway === gateway).map((one) => one.credentialName);
  return [...new Set(named)]
    .filter((name) => !seen.includes(name))
    .map((name) =>
      unknown(
        `the certificate ${name} of Gateway ${gateway} was not read`,
        'ask those who keep it when it ends',
      ),
    );
}

type Times = { until: Millis; at: Millis };

function certificates({ gateway }: Used, { gatewayCertificates }: Seen, { until, at }: Times): Judgement[] {
  return gatewayCertificates
    .filter((one) => one.gateway === gateway)
    .flatMap((certificate): Judgement[] => {
      const { credentialName } = certificate;
      const name = `the certificate ${credentialName} of Gateway ${gateway}`;
      if ('why' in certificate)
        return [
          unknown(`${name} could not be read: ${certificate.why}`, 'ask those who keep it when it ends'),
        ];
      if (certificate.notAfter >= until || isRenewedInTime(certificate, at)) return [];
      const [namespace = '', gatewayName = ''] = gateway.split('/');
      return [
        warn({
          read: `${name} ends on ${day(certificate.notAfter)}, before ${day(until)} (the deadline of the rollout and 7 days)${renewalOverdue(certificate, day)}`,
          means: 'calls through the gateway fail from then on, whichever version makes them',
          mend: `renew it: kubectl get certificates -A | grep ${credentialName}`,
          object: { kind: 'Gateway', namespace, name: gatewayName },
          path: 'spec.servers[].tls.credentialName',
          undoneBy: [],
        }),
      ];
    });
}

function day(at: Millis): string {
  return new Date(at).toISOString().slice(0, 10);
}
