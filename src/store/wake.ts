import pg from 'pg';
import { connectionOptions, type Warns } from './database.ts';
import { dueChannel } from './writes.ts';

export type Listening = { close(): Promise<void> };
export type ListenOptions = { url: string; onDue: (rolloutId: string) => void; log?: Warns };

const firstRetryMs = 250;
const longestRetryMs = 5000;

/**
 * Hears at once of rollouts that a person made due. Reconnects for ever with back-off; what is said meanwhile is
 * lost, and the sweep finds it.
 * @returns once the first attempt to listen has succeeded or failed; `close` ends the connection
 * @throws AppError `configuration` when the URL cannot be read
 */
export async function listen({ url, onDue, log }: ListenOptions): Promise<Listening> {
  const options = connectionOptions(url);
  let client: pg.Client | null = null;
  let retry: NodeJS.Timeout | null = null;
  let failures = 0;
  let closed = false;

  async function open(): Promise<void> {
    const opening = new pg.Client({ ...options, application_name: 'canaryd-listen' });
    client = opening;
    opening.on('error', () => undefined);
    opening.on('end', () => lost(opening));
    opening.on('notification', ({ payload }) => {
      if (payload !== undefined) onDue(payload);
    });
    try {
      await opening.connect();
      await opening.query(`listen ${dueChannel}`);
      failures = 0;
    } catch {
      opening.end().catch(() => undefined);
      lost(opening);
    }
  }

  function lost(which: pg.Client): void {
    if (closed || which !== client) return;
    client = null;
    if (failures === 0)
      log?.warn({ channel: dueChannel }, 'not listening for due rollouts: the sweep finds them');
    const delay = Math.min(longestRetryMs, firstRetryMs * 2 ** failures);
    failures += 1;
    retry = setTimeout(() => void open(), delay).unref();
  }

  await open();
  return {
    close: async () => {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      await client?.end().catch(() => undefined);
    },
  };
}
