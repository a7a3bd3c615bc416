import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import type pg from 'pg';
import { z } from 'zod';
import { connectionsTo, type ofAll, type ofProcess } from './counted.ts';
import { connectionsOf, type Ports, peers } from './sockets.ts';

/** One canaryd that is looked at. */
export type Watched = { name: string; pid: number; url: string; ports: Ports };

type Values = Record<string, number | null>;

const megabyte = 1_048_576;
const callMs = 5000;

/** What one process has open and holds in memory now. */
export async function lookAtProcess({ name, pid, url, ports }: Watched): Promise<Values> {
  const [links, table, metrics] = await Promise.all([
    linksOf(pid),
    readFile(`/proc/${pid}/net/tcp`, 'utf8'),
    metricsOf(url),
  ]);
  const values: Record<keyof typeof ofProcess, number | null> = {
    descriptors: links.length,
    handles: metric(metrics, 'nodejs_active_handles_total'),
    timers: metric(metrics, 'nodejs_active_resources{type="Timeout"}'),
    'heap used, least': inMegabytes(metric(metrics, 'nodejs_heap_size_used_bytes')),
    'resident memory': inMegabytes(metric(metrics, 'process_resident_memory_bytes')),
  };
  const connections = connectionsOf(links, table, ports);
  return Object.fromEntries([
    ...Object.entries(values).map(([what, value]) => [`${name}: ${what}`, value]),
    ...peers.map((peer) => [`${name}: ${connectionsTo(peer)}`, connections[peer]]),
  ]);
}

/** A descriptor may be closed while the folder is read. */
async function linksOf(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => null)));
  return links.filter((link) => link !== null);
}

async function metricsOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(callMs) });
  return answer.text();
}

function metric(text: string, name: string): number | null {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? null : Number(line.slice(name.length + 1));
}

function inMegabytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / megabyte;
}

const Stored = z.tuple([
  z.object({
    connections: z.coerce.number(),
    ended: z.coerce.number(),
    rows: z.coerce.number(),
    bytes: z.coerce.number(),
    measurements: z.coerce.number(),
  }),
]);

/** Of the rollouts that ended within the last minute: an average over all of them would hide what grows. */
const stored = `with lately as (
    select id from rollout where ended_at > clock_timestamp() - interval '1 minute' and status = 'succeeded'
  )
  select (select count(*) from pg_stat_activity where application_name like 'canaryd%') as connections,
    (select count(*) from lately) as ended,
    count(*) as rows, coalesce(sum(pg_column_size(audit.*)), 0) as bytes,
    (select count(*) from measurement join lately on lately.id = measurement.rollout_id) as measurements
  from audit join lately on lately.id = audit.rollout_id`;

/** What all of them share. */
export async function lookAtStorage(db: pg.Pool, redis: Redis): Promise<Values> {
  const [[row], keys, memory] = await Promise.all([
    db.query(stored).then(({ rows }) => Stored.parse(rows)),
    redis.dbsize(),
    redis.info('memory'),
  ]);
  const each = (sum: number) => (row.ended === 0 ? null : sum / row.ended);
  const kilobytes = each(row.bytes / 1024);
  const values: Record<keyof typeof ofAll, number | null> = {
    'PostgreSQL: connections': row.connections,
    'audit rows of an ended rollout': each(row.rows),
    'audit log of an ended rollout': kilobytes,
    'measurements of an ended rollout': each(row.measurements),
    'Redis: keys': keys,
    'Redis: memory, least': Number(/used_memory:(\d+)/.exec(memory)?.[1]) / megabyte,
  };
  return values;
}
