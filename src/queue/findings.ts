/** What is wrong with the queue. Nothing of it stops canaryd: every worker's sweep runs the turns whose alarm is lost. */
export type QueueFinding =
  | { kind: 'unreachable'; cause: string }
  | { kind: 'refused'; code: string }
  | { kind: 'tooOld'; version: string }
  | { kind: 'old'; version: string }
  | { kind: 'cluster' }
  | { kind: 'replica' }
  | { kind: 'evicts'; policy: string }
  | { kind: 'full'; usedBytes: number; maxBytes: number }
  | { kind: 'clock'; whose: 'redis' | 'process'; aheadMs: number };

const cli = 'redis-cli -u "$REDIS_URL"';
const bySweep = "Until then every worker's sweep runs each due turn, up to 7 s late; no rollout is lost.";

/** A finding for a person: what is wrong, what it means, what to type. Holds no secret and no address. */
export function sayFinding(finding: QueueFinding): string {
  switch (finding.kind) {
    case 'unreachable':
      return `Redis does not answer (${finding.cause}): alarms are neither set nor heard. ${bySweep} See whether it runs: ${cli} PING`;
    case 'refused':
      return `Redis refuses canaryd (${finding.code}): alarms are neither set nor heard. ${bySweep} Put the right user and password into REDIS_URL and try them: ${cli} PING`;
    case 'tooOld':
      return `Redis ${finding.version} is too old: below 5.0 the queue does not work, and no alarm rings. ${bySweep} Install Redis 6.2 or newer, or leave REDIS_URL unset to keep alarms in PostgreSQL`;
    case 'old':
      return `Redis ${finding.version} is older than 6.2, the oldest that canaryd is meant for: alarms ring, some of them up to 1 s late. Install Redis 6.2 or newer`;
    case 'cluster':
      return `Redis runs as a cluster, which canaryd does not support: alarms fail when their keys lie on different nodes. ${bySweep} Point REDIS_URL at a Redis without cluster mode, or leave it unset to keep alarms in PostgreSQL`;
    case 'replica':
      return `This Redis is a replica and takes no writes: no alarm can be set. ${bySweep} Point REDIS_URL at the master; its address: ${cli} INFO replication`;
    case 'evicts':
      return `Redis may throw alarms away when its memory is full: maxmemory-policy is ${finding.policy}. A lost alarm makes a turn up to 7 s late. Type: ${cli} CONFIG SET maxmemory-policy noeviction (and set it where Redis is configured, so that a restart keeps it)`;
    case 'full':
      return `Redis is full (${megabytes(finding.usedBytes)} of ${megabytes(finding.maxBytes)} MB) and refuses new alarms. ${bySweep} Give it more: ${cli} CONFIG SET maxmemory ${suggestedMegabytes(finding.maxBytes)}mb`;
    case 'clock':
      return sayClock(finding.whose, finding.aheadMs);
  }
}

function sayClock(whose: 'redis' | 'process', aheadMs: number): string {
  const apart = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} PostgreSQL's`;
  const mend = 'Set that machine by a time server: timedatectl set-ntp true';
  return whose === 'process'
    ? `The clock of this canaryd is ${apart}: alarms ring early or late on its machine, and such turns wait for a sweep, up to 7 s. Nothing is decided by this clock. ${mend}`
    : `The clock of Redis is ${apart}. Alarms do not use it and ring in time, but one of the two machines is wrong, and all of canaryd's times are PostgreSQL's. Compare: ${cli} TIME and psql "$DATABASE_URL" -c "select extract(epoch from clock_timestamp())". ${mend}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}

function suggestedMegabytes(maxBytes: number): number {
  return Math.max(64, Math.ceil((2 * maxBytes) / 1_048_576));
}
