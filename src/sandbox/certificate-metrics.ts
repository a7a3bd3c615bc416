import { createHash } from 'node:crypto';

/** Istio's defaults: a proxy's certificate lives for a day and is renewed after half of it. */
const lifetimeSeconds = 86_400;
const renewedAfterSeconds = lifetimeSeconds / 2;

/**
 * Seconds that a proxy's certificate has left. Each renews its own in a rhythm of its own, which depends on its name.
 */
export function secondsLeft(pod: string, now: Date): number {
  const phase = createHash('sha256').update(pod).digest().readUInt32BE(0);
  const age = (Math.floor(now.getTime() / 1000) + phase) % renewedAfterSeconds;
  return lifetimeSeconds - age;
}

/** What Istio's agent beside a proxy tells of its certificate, as Prometheus text. */
export function agentPage(seconds: number): string {
  return page('gauge', 'istio_agent_cert_expiry_seconds{resource_name="default"}', seconds);
}

/**
 * What istiod tells of its authority, as Prometheus text: seconds left, and seconds since 1970. It signs with its root,
 * so that the chain is the root alone. `signed` is how many certificates it was asked for; as long as it has refused
 * none, it has no series of refusals.
 */
export function authorityPage(rootNotAfter: Date, now: Date, signed: number): string {
  const stamp = rootNotAfter.getTime() / 1000;
  const left = stamp - now.getTime() / 1000;
  const ends = ['root_cert', 'cert_chain'].map((name) => {
    const series = `citadel_server_${name}_expiry`;
    return `${page('gauge', `${series}_seconds`, left)}${page('gauge', `${series}_timestamp`, stamp)}`;
  });
  const counts = ['csr_count', 'success_cert_issuance_count'].map((name) =>
    page('counter', `citadel_server_${name}`, signed),
  );
  return [...ends, ...counts].join('');
}

function page(type: 'gauge' | 'counter', series: string, value: number): string {
  return `# TYPE ${series.split('{')[0]} ${type}\n${series} ${value}\n`;
}
