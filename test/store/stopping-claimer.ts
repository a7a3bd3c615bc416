import { sql } from 'kysely';
import { connect } from '../../src/store/database.ts';
import { turnStore } from '../../src/store/turn-store.ts';

/**
 * A process that claims the rollouts it is told of and stands still as soon as that is asked; when it may go on, it
 * prints how many it was given.
 */
const [url = '', ...ids] = process.argv.slice(2);
const { db, close } = connect(url);
// Now there is a connection, so that what is asked is sent at once.
await sql`select 1`.execute(db);
const turns = turnStore(stoppingOnce());
const claims = await Promise.all(ids.map((id) => turns.claim(id, 'stopped-worker', 15)));
process.stdout.write(String(claims.filter((claim) => claim !== null).length));
await close();

function stoppingOnce() {
  let stop: (() => void) | null = () => process.kill(process.pid, 'SIGSTOP');
  return db.withPlugin({
    transformQuery: ({ node }) => {
      if (stop !== null) setImmediate(stop);
      stop = null;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
}
