import { migrate } from '../../src/store/migrate.ts';

/** A process of its own that migrates the database it is given and prints what it applied. */
const applied = await migrate(process.argv[2] ?? '');
process.stdout.write(JSON.stringify(applied));
