import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { istiodLogs, namingIstiod } from '../istiod.ts';
import { error, orPass, unknown, warn } from '../judgement.ts';
import type { Certificate, MeshCertificates, Millis, Subject } from '../snapshot.ts';
import { momentOf, spanOf } from '../time-words.ts';
import { endOf } from './end.ts';

const day = 86_400_000;
/** After the deadline of the rollout: below the first it must not begin, below the second somebody must act soon. */
const leastDays = { error: 7, warn: 30 };

type Authority = { what: string; notAfter: Millis; mend: string; object?: Failure['object'] };

/**
 * The roots are those of the bundle that workloads trust, and the one that lasts longest counts: while roots are
 * exchanged there are two, and istiod's own gauge tells the first of them only. An istiod that signs with its root has
 * no chain, and one that does not sign tells neither.
 * Source: RecordCertsExpiry in https://github.com/istio/istio/blob/master/security/pkg/server/ca/server.go
 */
export const authorityLasts = namingIstiod((istiod) =>
  defineCheck({
    id: 'PF-CR-02',
    title: 'The root and the issuing certificate of the mesh outlive the rollout by 30 days',
    family: 'certificates',
    priority: 'P0',
    codes: [],
    again: false,
    severity: 'error',
    needs: ['rootCertificates', 'meshCertificates'],
    judge: ({ rootCertificates, meshCertificates }, subject, at) => {
      const root = rootOf(rootCertificates, meshCertificates, subject);
      if (root === null) return [unknown('no root certificate of the mesh was found', letReadRoot(subject))];
      const chain = chainOf(meshCertificates, istiod);
      const failures = [root, ...chain].flatMap((one) => judgeOne(one, subject, at));
      return orPass(failures, allLast(root, rootCertificates.length, chain));
    },
  }),
);

function letReadRoot({ canary }: Subject): string {
  return `let canaryd read the ConfigMap: kubectl -n ${canary.service.namespace} get configmap istio-ca-root-cert`;
}

function rootOf(
  bundle: readonly Certificate[],
  { rootNotAfter }: MeshCertificates,
  { canary }: Subject,
): Authority | null {
  const longest = bundle.toSorted((one, other) => other.notAfter - one.notAfter)[0];
  const { namespace } = canary.service;
  const look = `kubectl -n ${namespace} get configmap istio-ca-root-cert -o jsonpath='{.data.root-cert\\.pem}' | openssl x509 -noout -subject -enddate`;
  const mend = `have the owners of the mesh add a new root beside it (https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/); what workloads trust: ${look}`;
  if (longest !== undefined) {
    const object = { kind: 'ConfigMap', namespace, name: 'istio-ca-root-cert' };
    return { what: `the root certificate ${longest.subject}`, notAfter: longest.notAfter, mend, object };
  }
  return rootNotAfter === null ? null : { what: "istiod's root certificate", notAfter: rootNotAfter, mend };
}

function chainOf({ chainNotAfter }: MeshCertificates, istiod: string): Authority[] {
  if (chainNotAfter === null) return [];
  const look = `kubectl -n ${istiod} get secret cacerts -o jsonpath='{.data.ca-cert\\.pem}' | base64 -d | openssl x509 -noout -enddate`;
  const mend = `have the owners of the mesh give istiod a new intermediate of the same root; the present one: ${look}`;
  return [{ what: "istiod's issuing certificate", notAfter: chainNotAfter, mend }];
}

function judgeOne({ what, notAfter, mend, object }: Authority, subject: Subject, at: Millis): Failure[] {
  const spare = (notAfter - endOf(subject, at)) / day;
  if (spare >= leastDays.warn) return [];
  const fail = spare < leastDays.error ? error : warn;
  const left = notAfter - at;
  const when =
    left <= 0
      ? `expired ${spanOf(-left / 1000)} ago, on ${momentOf(notAfter)}`
      : `expires in ${spanOf(left / 1000)}, on ${momentOf(notAfter)}`;
  const limit = spare < leastDays.error ? leastDays.error : leastDays.warn;
  return [
    fail({
      read: `${what} ${when}; it must outlive the rollout's deadline by ${limit} d`,
      means: `from then on mutual TLS fails between all workloads, those of ${subject.stable.version} as well as those of ${subject.canary.version}: going back would not help`,
      mend,
      ...(object === undefined ? {} : { object }),
    }),
  ];
}

function allLast(root: Authority, roots: number, chain: readonly Authority[]): string {
  const many = roots > 1 ? ` (the longest of ${roots} in the bundle)` : '';
  const issuing = chain.map(({ what, notAfter }) => `, and ${what} until ${momentOf(notAfter)}`).join('');
  const none = chain.length === 0 ? '; istiod tells of no issuing certificate beside it' : '';
  return `${root.what} holds until ${momentOf(root.notAfter)}${many}${issuing}${none}`;
}

const settled = 24 * 3600;

/** While roots are exchanged, proxies that know only one of them refuse those that show the other. */
export const noRotation = namingIstiod((istiod) =>
  defineCheck({
    id: 'PF-CR-04',
    title: 'No root of the mesh is being exchanged, and istiod signs certificates',
    family: 'certificates',
    priority: 'P0',
    codes: [],
    again: false,
    severity: 'warn',
    needs: ['meshCertificates'],
    judge: ({ meshCertificates: { rootChangedAt, signingErrors } }, subject, at) => {
      const failures = [...changed(rootChangedAt, subject, at), ...unsigned(signingErrors, subject, istiod)];
      if (failures.length > 0) return failures;
      if (signingErrors === null) return [unknown('istiod tells nothing of what it signs', askAuthority)];
      return orPass(
        [],
        'the root of the mesh has not changed for 24 h, and istiod refused no certificate in the last hour',
      );
    },
  }),
);

const askAuthority =
  'if another authority signs for the mesh (istio-csr, Vault, SPIRE), ask its owners whether it is being exchanged and waive PF-CR-04; else let Prometheus scrape istiod';

function changed(rootChangedAt: Millis | null, { stable, canary }: Subject, at: Millis): Judgement[] {
  const age = rootChangedAt === null ? null : (at - rootChangedAt) / 1000;
  if (age === null || age >= settled) return [];
  const { namespace } = canary.service;
  return [
    warn({
      read: `the root of the mesh changed ${spanOf(Math.max(0, age))} ago; 24 h is the least`,
      means: `proxies of ${stable.version} and ${canary.version} may still trust different roots: errors of mutual TLS would look like errors of the canary`,
      mend: `wait until it has settled for 24 h; whether a proxy has the new root: istioctl -n ${namespace} proxy-config secret <pod>; proxies that have not: kubectl -n ${namespace} rollout restart deployment <name>`,
    }),
  ];
}

function unsigned(signingErrors: number | null, { canary }: Subject, istiod: string): Judgement[] {
  if (signingErrors === null || signingErrors <= 0) return [];
  return [
    warn({
      read: `istiod failed to sign ${Math.ceil(signingErrors)} certificates in the last hour; 0 is the limit`,
      means: `new pods of ${canary.version} may get no certificate and no traffic, and those of stable none if it has to grow when the rollout goes back`,
      mend: `look for the reason: ${istiodLogs(istiod, '1h')} | grep -i csr`,
    }),
  ];
}
