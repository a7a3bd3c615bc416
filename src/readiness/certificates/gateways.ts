import { defineCheck } from '../check.ts';
import { egressGatewaysOf } from '../egress/used.ts';
import type { Failure, Judgement, ObjectRef } from '../finding.ts';
import { bounded, orPass, skip, unknown, warn } from '../judgement.ts';
import type { VirtualService } from '../objects.ts';
import type { Callee, GatewayCertificate, Millis, Subject } from '../snapshot.ts';
import { momentOf, spanOf } from '../time-words.ts';
import { claimsFor } from '../virtual-service/claims.ts';
import { endOf } from './end.ts';
import { isRenewedInTime, type ReadCertificate, renewalOverdue } from './renewal.ts';

const spare = 7 * 86_400_000;

/**
 * A certificate that is renewed by itself is judged by its renewal: cert-manager does so when two thirds of its life
 * have passed, and a short-lived one never has seven days left.
 * Source: https://cert-manager.io/docs/usage/certificate/#renewal
 */
export const gatewayCertificates = defineCheck({
  id: 'PF-CR-03',
  title: 'The certificates of the gateways outlive the rollout by 7 days',
  family: 'certificates',
  priority: 'P0',
  codes: ['IST0161'],
  again: false,
  severity: 'warn',
  needs: ['gatewayCertificates', 'virtualServices', 'callees', 'meshConfig'],
  judge: ({ gatewayCertificates: found, virtualServices, callees, meshConfig }, subject, at) => {
    const serving = servingGateways(subject, { virtualServices, callees, ...meshConfig });
    const all = found.filter(({ gateway }) => serving.includes(gateway));
    if (all.length === 0) return [skip('no Gateway that the rollout depends on has a certificate')];
    const readable = all.flatMap((one) => ('notAfter' in one ? [one] : []));
    const unreadable = all.flatMap((one) => ('why' in one ? [notRead(one)] : []));
    const byEnd = readable.toSorted((one, other) => one.notAfter - other.notAfter);
    const failures = bounded(byEnd.flatMap((one) => judgeOne(one, subject, at)));
    return orPass([...failures, ...unreadable], allLast(byEnd));
  },
});

type Ways = {
  virtualServices: readonly VirtualService[];
  callees: readonly Callee[];
  clusterDomain: string;
};

/** The gateways that bring requests to the routes that are moved, and those by which stable's calls leave the mesh. */
function servingGateways(subject: Subject, { virtualServices, callees, clusterDomain }: Ways): string[] {
  const { claims } = claimsFor(virtualServices, subject, clusterDomain);
  const inward = claims.flatMap(({ gateways }) => gateways);
  const outward = egressGatewaysOf(callees, virtualServices, subject).map(({ gateway }) => gateway);
  return [...inward, ...outward];
}

function notRead({ gateway, credentialName, why }: Extract<GatewayCertificate, { why: string }>): Judgement {
  return unknown(
    `the certificate ${credentialName} of Gateway ${gateway} could not be read: ${why}`,
    `look yourself, in the namespace of the gateway's pods: ${lookAt(credentialName)}`,
  );
}

function lookAt(credentialName: string): string {
  return `kubectl -n <namespace> get secret ${credentialName} -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -enddate`;
}

function judgeOne(certificate: ReadCertificate, subject: Subject, at: Millis): Failure[] {
  const { gateway, credentialName, notAfter } = certificate;
  if (notAfter >= endOf(subject, at) + spare || isRenewedInTime(certificate, at)) return [];
  const left = notAfter - at;
  const when = left <= 0 ? `expired ${spanOf(-left / 1000)} ago` : `expires in ${spanOf(left / 1000)}`;
  return [
    warn({
      read: `the certificate ${credentialName} of Gateway ${gateway} ${when}, on ${momentOf(notAfter)}; it must outlive the rollout's deadline by 7 d${renewalOverdue(certificate, momentOf)}`,
      means: `requests through ${gateway} fail from then on for ${subject.stable.version} and ${subject.canary.version} alike: the rollout would be held or go back for a fault that is not the canary's`,
      mend: `renew it, in the namespace of the gateway's pods: cmctl renew -n <namespace> <certificate>, or a new Secret ${credentialName}; then: ${lookAt(credentialName)}`,
      object: refOf(gateway),
      path: 'spec.servers[].tls.credentialName',
    }),
  ];
}

function refOf(gateway: string): ObjectRef {
  const [namespace = '', name] = gateway.split('/');
  return name === undefined
    ? { kind: 'Gateway', namespace: null, name: gateway }
    : { kind: 'Gateway', namespace, name };
}

function allLast(byEnd: readonly ReadCertificate[]): string {
  const [first] = byEnd;
  if (first === undefined) return 'no certificate of a Gateway was read';
  const renewal = first.renewsAt === undefined ? '' : `, and is renewed on ${momentOf(first.renewsAt)}`;
  return `certificates of Gateways: ${byEnd.length}; ${first.credentialName} of ${first.gateway} ends first, on ${momentOf(first.notAfter)}${renewal}`;
}
