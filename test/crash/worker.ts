import pg from 'pg';
import { z } from 'zod';
import { readConfig } from '../../src/config.ts';
import { serve } from '../../src/serve/serve.ts';
import { dyingAt } from './dying.ts';
import { say, succeeding } from './succeeding.ts';

// A worker that is canaryd itself, with a lease of its own: either one that dies when each of its turns stands at the point
// that is named for it, or its successor, which takes no turn before it is told `go`.
const Given = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('dies'),
    leaseSeconds: z.number(),
    crashes: z.array(z.object({ service: z.string(), point: z.string(), direction: z.enum(['on', 'back']) })),
  }),
  z.object({ kind: z.literal('succeeds'), leaseSeconds: z.number() }),
]);

const given = Given.parse(JSON.parse(process.env['CRASH_WORKER'] ?? ''));
const config = await readConfig(process.env, 'worker');
const pool = new pg.Pool({ connectionString: config.databaseUrl, max: 4 });
pool.on('error', () => undefined);

// Whoever started this process holds the other end: nothing outlives a test that was killed.
process.stdin.on('end', () => process.exit(1)).resume();

await serve({ ...config, concurrency: 100 }, (deps) => {
  const { claim } = deps.store;
  const store = {
    ...deps.store,
    claim: (id: string, worker: string) => claim(id, worker, given.leaseSeconds),
  };
  const brief = { ...deps, store };
  return given.kind === 'dies' ? dyingAt(given.crashes, pool, brief) : succeeding(brief);
});
say({ kind: 'started' });
