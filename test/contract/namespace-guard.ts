import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { sendTo } from './cluster-fence.ts';

/** A process that outlives this one by a moment: it deletes the namespaces when this one ends before it has done so. */
export type Guard = {
  /** Says that they are gone: the guard ends and does nothing. */
  release(): Promise<void>;
  /** Lets go as a killed process does: the guard deletes them and ends. */
  abandon(): Promise<void>;
};

/** Every namespace of the suite begins so; the guard deletes no other. */
export const namespacePrefix = 'canaryd-contract-';

/** Starts the guard. Ctrl-C does not reach it: it has a process group of its own. */
export function startGuard(config: KubeConfig, namespaces: readonly string[]): Guard {
  const program = join(import.meta.dirname, 'namespace-guard-main.ts');
  const guard = spawn(process.execPath, ['--import', 'tsx', program], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(guard, 'exit');
  guard.stdin.on('error', () => undefined);
  // By the pipe and not by arguments, which everybody on this machine can read.
  guard.stdin.write(`${JSON.stringify({ kubeconfig: config.exportConfig(), namespaces })}\n`);
  const finish = async (last: string) => {
    guard.stdin.end(last);
    await ended;
  };
  return { release: () => finish('gone\n'), abandon: () => finish('') };
}

/** Tells the cluster to delete the namespace; that it is not there is fine too. Returns the status of the answer. */
export async function deleteNamespace(config: KubeConfig, namespace: string): Promise<number> {
  if (!namespace.startsWith(namespacePrefix)) throw new Error(`${namespace} is not of the contract suite`);
  const answer = await sendTo(config, `/api/v1/namespaces/${namespace}`, { method: 'DELETE' }, '');
  answer.resume();
  return answer.statusCode ?? 0;
}
