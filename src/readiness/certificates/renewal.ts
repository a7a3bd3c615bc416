import type { GatewayCertificate, Millis } from '../snapshot.ts';

export type ReadCertificate = Extract<GatewayCertificate, { notAfter: Millis }>;

/** A renewal that has been due for longer than this is not coming. */
const patience = 3_600_000;

/** True for a certificate that something renews by itself before it ends. */
export function isRenewedInTime({ renewsAt, notAfter }: ReadCertificate, at: Millis): boolean {
  return renewsAt !== undefined && renewsAt < notAfter && at < Math.min(renewsAt + patience, notAfter);
}

/** That the renewal of a certificate did not come, or nothing where none was to come. */
export function renewalOverdue({ renewsAt }: ReadCertificate, momentOf: (at: Millis) => string): string {
  return renewsAt === undefined ? '' : `; its renewal was due on ${momentOf(renewsAt)}`;
}
