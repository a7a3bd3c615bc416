// One canaryd worker under chaos: the whole product, with delays and orders from the harness between a turn and its
// parts. Arguments: the seed of its delays, and the protection to do without.
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { readConfig } from '../../src/config.ts';
import { seededRandom } from '../../src/sandbox/random.ts';
import { serve } from '../../src/serve/serve.ts';
import { Order, type Report } from './messages.ts';
import { type Protection, protections } from './protections.ts';
import { chaotic } from './wrap.ts';

const [seed, given] = process.argv.slice(2);

let without: Protection | null = protections.find((one) => one === given) ?? null;
let end: Extract<Order, { kind: 'endAt' }> | null = null;

process.on('message', (message) => {
  const order = Order.parse(message);
  if (order.kind === 'without') without = order.protection;
  else end = order.kind === 'endAt' ? order : null;
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit(1));

async function at(place: string, id: string): Promise<void> {
  if (end?.seam !== place) return;
  const { how } = end;
  end = null;
  await tell({ kind: 'ending', id });
  process.kill(process.pid, how);
  // A signal to oneself may arrive a moment later.
  await wait(1);
}

function tell(report: Report): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(report, () => resolve());
  });
}

const Row = z.object({ epoch: z.coerce.number() });

/** Reads behind the fence that is taken out; its connection is not one of canaryd's. */
function epochReader(url: string): (id: string) => Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 2000 });
  pool.on('error', () => undefined);
  return async (id) => {
    const { rows } = await pool.query('select epoch from rollout where id = $1', [id]);
    return Row.parse(rows[0]).epoch;
  };
}

const config = await readConfig(process.env, 'worker');
await serve(
  config,
  chaotic({
    without: () => without,
    at,
    random: seededRandom(Number(seed)),
    newestEpoch: epochReader(config.databaseUrl),
  }),
);
await tell({ kind: 'ready' });
