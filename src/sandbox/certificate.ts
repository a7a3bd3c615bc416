import { generate } from 'selfsigned';

/** A throw-away authority and a server certificate signed by it, all PEM. */
type ServerCertificate = { ca: string; cert: string; key: string };

/** Makes a certificate for localhost and 127.0.0.1 with its own authority, valid for one year from now. */
export async function makeCertificate(): Promise<ServerCertificate> {
  const common = { keyType: 'ec' as const, curve: 'P-256' as const, algorithm: 'sha256' };
  const authority = await generate([{ name: 'commonName', value: 'canaryd sandbox authority' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
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
