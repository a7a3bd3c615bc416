import { startPostgres } from '../../local/postgres.ts';

/** A process that starts a server, tells its process id and its folder, and never stops it. */
const server = await startPostgres();
process.stdout.write(JSON.stringify([server.pid, server.dataDir]));
setInterval(() => undefined, 60_000);
