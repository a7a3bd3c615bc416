import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Standard input is a pipe from the process that started the shell: it ends however that process dies, SIGKILL
 * included. Only killing this shell itself leaves the server running.
 */
const script = `
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _; kill -INT $server; } <&3 2>/dev/null & guard=$!
exec 3<&-
wait $server
kill $guard 2>/dev/null
[ -z "$REMOVE" ] || [ -e "$REMOVE/keep" ] || rm -rf "$REMOVE"
`;

export type Guarded = {
  /** What the shell is called in the list of processes. */
  name: string;
  command: string[];
  /** The channel on which the server says what happens. */
  says: 'stdout' | 'stderr';
  env: NodeJS.ProcessEnv;
  /** The user that the server runs as, if not that of this process. */
  user?: { uid?: number; gid?: number };
  /** A folder to remove when the server has ended, unless a file `keep` is in it; or null. */
  remove: string | null;
};

/**
 * Starts a server that ends with this process, however that dies, and answers the shell that guards it. It has a
 * process group of its own, so that Ctrl-C reaches canaryd first and the server goes last.
 */
export function spawnGuarded({ name, command, says, env, user = {}, remove }: Guarded): ChildProcess {
  return spawn('/bin/sh', ['-c', script, name, ...command], {
    ...user,
    cwd: '/',
    detached: true,
    stdio: ['pipe', says === 'stdout' ? 'pipe' : 'ignore', says === 'stderr' ? 'pipe' : 'ignore'],
    env: { ...env, REMOVE: remove ?? '' },
  });
}

/** Ends a guarded server by closing its pipe, and waits until it is gone. */
export async function stopGuarded(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'close');
  server.stdin?.end();
  await gone;
}
