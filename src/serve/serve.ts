import type { Config } from '../config.ts';
import { openLog } from '../log.ts';
import { prepareQueue } from '../queue/queue.ts';
import { databaseNow } from '../store/clock.ts';
import { databaseName } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { startApi, startProbes } from './answer.ts';
import { closeParts, openParts } from './parts.ts';
import { openSchema } from './schema.ts';
import { shutdownOnSignal } from './shutdown.ts';
import { tokensOf } from './tokens.ts';
import { startWork, type Wrap } from './work.ts';

/**
 * Runs canaryd until a signal ends it. It answers probes at once and waits for its database, however long that takes.
 * `wrap` is for programs that put faults between a turn and its parts.
 * @throws AppError `configuration` or `migration` when it cannot start
 */
export async function serve(config: Config, wrap: Wrap = (deps) => deps): Promise<void> {
  const log = openLog(config.logLevel);
  const tokens = await tokensOf(config);
  const { ending, closeFirst, closeLast } = shutdownOnSignal(log);
  const parts = await openParts(config, log);
  closeLast(() => closeParts(parts));
  const schema = openSchema({
    prepare: async () => {
      await migrate(config.databaseUrl);
      await prepareQueue(config.queue);
    },
    ask: () => databaseNow(parts.reads.db),
    database: databaseName(config.databaseUrl),
    ending,
    log,
  });
  // Heard below; until then a failure must not end the process as one that nobody awaits.
  schema.ready.catch(() => undefined);
  // A bad queue is told and no more: without one, turns are only late.
  void parts.queue.ready();
  if (config.role === 'worker') {
    const probes = await startProbes(parts, { schema, ending });
    closeLast(probes);
  } else {
    const answering = startApi(parts, tokens, { schema, ending });
    closeFirst(answering);
    await answering;
  }
  if (!(await schema.ready) || config.role === 'api') return;
  const working = startWork(parts, wrap);
  closeFirst(working);
  await working;
}
