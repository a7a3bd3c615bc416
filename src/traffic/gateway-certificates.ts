import type { Deployment, Gateway } from '../readiness/objects.ts';
import type { Fact, GatewayCertificate } from '../readiness/snapshot.ts';
import { type BehindGateways, gatewayName, mostSelectors } from './gateway-facts.ts';
import { type Asking, listAmong } from './list-facts.ts';
import { readFact } from './merge-facts.ts';
import { type IssuedCertificate, issuedCertificates } from './surroundings-kinds.ts';

/** What a server of a Gateway names, and where its proxies look for that Secret: in their own namespace. */
type Credential = { gateway: string; credentialName: string; namespaces: readonly string[] };
type Issued = ReadonlyMap<string, Fact<IssuedCertificate[]>>;

/**
 * The certificates that Gateways name. They stand in Secrets, which canaryd never reads: what is known of one is what
 * cert-manager says of the Certificate that it keeps in that Secret.
 * Source: https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings (credentialName)
 * @param behind the Deployments of the Gateways' proxies, asked for where a Gateway names a certificate
 */
export async function readGatewayCertificates(
  asking: Asking,
  gateways: Fact<Gateway[]>,
  behind: () => Promise<BehindGateways>,
): Promise<Fact<GatewayCertificate[]>> {
  if (gateways.kind === 'unread') return gateways;
  const naming = gateways.value.filter((one) => namesIn(one).length > 0);
  if (naming.length === 0) return readFact([], gateways.gaps);
  const { deployments, left } = await behind();
  const credentials = naming.flatMap((one) => credentialsOf(one, deployments));
  const issued = await readIssued(asking, credentials);
  return readFact(
    credentials.map((one) => certificateOf(one, issued, left.has(one.gateway))),
    gateways.gaps,
  );
}

function namesIn({ spec }: Gateway): string[] {
  const names = (spec.servers ?? []).flatMap(({ tls }) => tls?.credentialName || []);
  return [...new Set(names)];
}

function credentialsOf(gateway: Gateway, deployments: readonly Deployment[]): Credential[] {
  const labels = Object.entries(gateway.spec.selector ?? {});
  const isSelected = ({ spec: { template } }: Deployment) =>
    labels.length > 0 && labels.every(([label, value]) => template.metadata?.labels?.[label] === value);
  const selected = deployments.filter(isSelected);
  const namespaces = [...new Set(selected.map((one) => one.metadata.namespace ?? ''))].toSorted();
  const name = gatewayName(gateway);
  return namesIn(gateway).map((credentialName) => ({ gateway: name, credentialName, namespaces }));
}

async function readIssued(asking: Asking, credentials: readonly Credential[]): Promise<Issued> {
  const namespaces = new Set(credentials.flatMap((one) => one.namespaces));
  const lists = [...namespaces].map(
    async (one) => [one, await listAmong(asking, issuedCertificates, [one])] as const,
  );
  return new Map(await Promise.all(lists));
}

/** Where proxies of several namespaces serve it, the one that ends first, if all of them are known. */
function certificateOf(
  { gateway, credentialName, namespaces }: Credential,
  issued: Issued,
  isLeft: boolean,
): GatewayCertificate {
  const found = namespaces.map((one) => issuedIn(one, credentialName, issued.get(one)));
  const [missing] = found.flatMap((one) => ('why' in one ? [one.why] : []));
  const [first] = found
    .flatMap((one) => ('why' in one ? [] : [one]))
    .toSorted((one, other) => one.notAfter - other.notAfter);
  if (missing === undefined && first !== undefined) return { gateway, credentialName, ...first };
  const unfound = isLeft
    ? `Gateways have more than ${mostSelectors} selectors, and Deployments with its own were not looked for`
    : 'no Deployment with its labels was read';
  const why = missing ?? `of which namespace is not known: ${unfound}`;
  return { gateway, credentialName, why: `it is in a Secret, which canaryd never reads; ${why}` };
}

type Dates = { notAfter: number; renewsAt?: number };

function issuedIn(
  namespace: string,
  secret: string,
  fact: Fact<IssuedCertificate[]> | undefined,
): Dates | { why: string } {
  if (fact === undefined || fact.kind === 'unread') return { why: fact?.why ?? 'nothing was listed' };
  const keeps = fact.value.filter(({ spec }) => spec.secretName === secret);
  const [one] = keeps;
  if (one === undefined) return { why: `no Certificate of cert-manager in ${namespace} keeps it` };
  // Two that write one Secret take turns in it.
  if (keeps.length > 1)
    return { why: `${keeps.length} Certificates of cert-manager in ${namespace} keep it` };
  const notAfter = Date.parse(one.status?.notAfter ?? '');
  const renewsAt = Date.parse(one.status?.renewalTime ?? '');
  if (Number.isNaN(notAfter))
    return { why: `the Certificate ${namespace}/${one.metadata.name} does not say when it ends` };
  return Number.isNaN(renewsAt) ? { notAfter } : { notAfter, renewsAt };
}
