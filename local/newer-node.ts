import { dirname } from 'node:path';
import { newerNode } from './npm-packages.ts';

/** Prints the folder of the newer Node's program, fetched if need be, or says on standard error why there is none. */
const fetched = await newerNode((message) => console.error(message));
if (fetched.kind === 'there') console.log(dirname(fetched.path));
else console.error(fetched.why);
process.exitCode = fetched.kind === 'there' ? 0 : 1;
