import { X509Certificate } from 'node:crypto';
import type { Certificate, Fact } from '../readiness/snapshot.ts';
import type { Asking } from './list-facts.ts';
import { mergeFacts, readFact } from './merge-facts.ts';
import { readConfigMap } from './read-config-map.ts';
import { unread } from './surroundings-words.ts';

const configMap = 'istio-ca-root-cert';
const key = 'root-cert.pem';

/** The roots that workloads of these namespaces trust. istiod writes them into each namespace of the mesh. */
export async function readRootCertificates(
  asking: Asking,
  namespaces: readonly string[],
  istiodNamespace: string,
): Promise<Fact<Certificate[]>> {
  return mergeFacts(await Promise.all(namespaces.map((one) => rootsIn(asking, one, istiodNamespace))));
}

async function rootsIn(
  asking: Asking,
  namespace: string,
  istiodNamespace: string,
): Promise<Fact<Certificate[]>> {
  const read = await readConfigMap(asking, { namespace, name: configMap });
  if (read.kind === 'unread') return read;
  const { certificates, broken } = certificatesIn(read.value?.[key] ?? '');
  const shown = `the ConfigMap ${namespace}/${configMap}`;
  if (read.value !== null && certificates.length + broken > 0)
    return readFact(
      certificates,
      broken === 0 ? [] : [`${broken} of the certificates in ${shown} are not understood`],
    );
  return unread(
    read.value === null ? `there is no ${shown.slice(4)}` : `${shown} has no certificate under ${key}`,
    `istiod writes it: kubectl -n ${istiodNamespace} logs -l app=istiod --tail=-1 | grep ${configMap}`,
  );
}

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM bundle, and how many of its blocks are none. */
export function certificatesIn(pem: string): { certificates: Certificate[]; broken: number } {
  const read = (pem.match(block) ?? []).map(certificateIn);
  const certificates = read.filter((one) => one !== null);
  return { certificates, broken: read.length - certificates.length };
}

function certificateIn(pem: string): Certificate | null {
  try {
    const { subject, validTo } = new X509Certificate(pem);
    const notAfter = Date.parse(validTo);
    // A root may have an empty subject.
    return Number.isNaN(notAfter) ? null : { subject: (subject ?? '').replaceAll('\n', ', '), notAfter };
  } catch {
    return null;
  }
}
