import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { startWorker } from '../../src/queue/worker.ts';

// A worker in a process of its own, to be stopped, killed or given a wrong clock. It says on standard output what its
// turns live to see; a turn lasts for `turnMs` or until its signal aborts.
const given = z
  .object({
    kind: z.enum(['postgres', 'redis']),
    url: z.string(),
    aheadMs: z.number(),
    turnMs: z.number(),
  })
  .parse(JSON.parse(process.env['WORKER'] ?? ''));

const realNow = Date.now;
Date.now = () => realNow() + given.aheadMs;

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);

startWorker({
  source: { kind: given.kind, url: given.url },
  concurrency: 1,
  lockMs: 1000,
  stalledMs: 500,
  log: { warn: (fields, message) => say({ kind: 'warned', message, ...fields }) },
  onDue: async (id, signal) => {
    say({ kind: 'rang', id });
    await wait(given.turnMs, undefined, { signal }).catch(() => undefined);
    say({ kind: signal.aborted ? 'aborted' : 'ended', id });
  },
});
say({ kind: 'started' });
