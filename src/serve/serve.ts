import type { Config } from '../config.ts';
import { openLog } from '../log.ts';
import { prepareQueue } from '../queue/queue.ts';
import { migrate } from '../store/migrate.ts';
import { startApi } from './answer.ts';
import { closeParts, openParts } from './parts.ts';
import { type Closing, endOnSignal } from './shutdown.ts';
import { tokensOf } from './tokens.ts';
import { startWork, type Wrap } from './work.ts';

/**
 * Runs canaryd until a signal ends it. `wrap` is for programs that put faults between a turn and its parts.
 * @throws AppError `configuration` or `migration` when it cannot start
 */
export async function serve(config: Config, wrap: Wrap = (deps) => deps): Promise<void> {
  const log = openLog(config.logLevel);
  const tokens = await tokensOf(config);
  await migrate(config.databaseUrl);
  await prepareQueue(config.queue);
  const parts = await openParts(config, log);
  // A bad queue is told and no more: without one, turns are only late.
  void parts.queue.ready();
  const closings: Closing[] = [];
  if (config.role !== 'api') closings.push(await startWork(parts, wrap));
  if (config.role !== 'worker') closings.push(await startApi(parts, tokens));
  closings.push(() => closeParts(parts));
  endOnSignal(closings, log);
}
