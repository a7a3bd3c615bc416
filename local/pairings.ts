import type { Log } from './debian.ts';
import { newerNode, newerNodeVersion } from './npm-packages.ts';
import type { PostgresMajor } from './postgres-programs.ts';

/** What canaryd runs on and with; all that are supported behave alike. */
export type Pairing = {
  postgres: PostgresMajor;
  queue: 'postgres' | 'redis';
  /** The Node that canaryd runs on: that of this process, or the one that the container image has. */
  node: 'running' | 'newer';
};

/** What `npm run demo` uses: needs neither Redis nor another Node. */
export const usualPairing: Pairing = { postgres: 18, queue: 'postgres', node: 'running' };

/** What the end-to-end tests run on. */
export const pairings: readonly Pairing[] = [
  usualPairing,
  { postgres: 15, queue: 'redis', node: 'running' },
  { postgres: 18, queue: 'redis', node: 'newer' },
];

/** A pairing in words, such as `PostgreSQL 15, Redis, Node 20.20.2`. */
export function nameOf({ postgres, queue, node }: Pairing): string {
  const version = node === 'running' ? process.versions.node : newerNodeVersion;
  return `PostgreSQL ${postgres}, ${queue === 'redis' ? 'Redis' : 'its own queue'}, Node ${version}`;
}

/** The program to run canaryd with; throws with the reason when this machine cannot have it. */
export async function nodeOf({ node }: Pairing, log: Log): Promise<string> {
  if (node === 'running') return process.execPath;
  const fetched = await newerNode(log);
  if (fetched.kind === 'missing') throw new Error(fetched.why);
  return fetched.path;
}

/** Why a pairing cannot be run on this machine, or null. */
export async function missingFor({ node }: Pairing): Promise<string | null> {
  if (node === 'running') return null;
  const fetched = await newerNode(() => undefined);
  return fetched.kind === 'missing' ? fetched.why : null;
}
