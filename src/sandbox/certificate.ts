import { generate } from 'selfsigned';

/** A throw-away authority and a server certificate signed by it, all PEM. */
type ServerCertificate = { ca: string; cert: string; key: string };

/** A mesh's own authority: its certificate in PEM, and when that ends. */
type MeshRoot = { pem: string; notAfter: Date };

const common = { keyType: 'ec' as const, curve: 'P-256' as const, algorithm: 'sha256' };
const ofAuthority: Parameters<typeof generate>[1] = {
  ...common,
  extensions: [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ],
};

/** Makes the root certificate of a mesh, valid from now for so many days. */
export async function makeMeshRoot(now: Date, validDays: number): Promise<MeshRoot> {
  // A certificate's times have whole seconds.
  const notAfter = new Date(Math.floor(now.getTime() / 1000) * 1000 + validDays * 86_400_000);
  const name = [{ name: 'organizationName', value: 'canaryd sandbox mesh' }];
  const { cert } = await generate(name, { ...ofAuthority, notBeforeDate: now, notAfterDate: notAfter });
  return { pem: cert, notAfter };
}

/** Makes a certificate for localhost and 127.0.0.1 with its own authority, valid for one year from now. */
export async function makeCertificate(): Promise<ServerCertificate> {
  const authority = await generate([{ name: 'commonName', value: 'canaryd sandbox authority' }], ofAuthority);
  const server = await generate([{ name: 'commonName', value: 'canaryd sandbox' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
