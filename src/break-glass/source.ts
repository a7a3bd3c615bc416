import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { AppError } from '../errors.ts';
import type { KubeSource } from '../traffic/kube-connection.ts';
import type { BreakGlassOptions } from './options.ts';

type Environment = Record<string, string | undefined>;

/**
 * Where the credentials come from: `--kubeconfig`, `CANARYD_KUBECONFIG`, `KUBECONFIG`, `~/.kube/config`, and inside of a
 * cluster its service account, in this order.
 * @throws AppError `configuration` when there is none of them
 */
export function sourceFor(
  environment: Environment,
  { kubeconfig, context }: Pick<BreakGlassOptions, 'kubeconfig' | 'context'>,
): KubeSource {
  const path = kubeconfig ?? pathIn(environment);
  if (path !== null) return { kind: 'file', path, ...(context === null ? {} : { context }) };
  if (environment['KUBERNETES_SERVICE_HOST'] === undefined) throw none();
  if (context === null) return { kind: 'inCluster' };
  throw new AppError('configuration', '--context chooses from a kubeconfig, and there is none: give one');
}

function pathIn(environment: Environment): string | null {
  const ours = environment['CANARYD_KUBECONFIG'] ?? '';
  if (ours !== '') return ours;
  const paths = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (paths.length > 1) throw several();
  if (paths[0] !== undefined) return paths[0];
  const usual = join(environment['HOME'] || homedir(), '.kube', 'config');
  return existsSync(usual) ? usual : null;
}

function several(): AppError {
  const mend = 'kubectl config view --flatten > one.yaml, then --kubeconfig=one.yaml';
  return new AppError('configuration', `KUBECONFIG names several files, and canaryd reads one: ${mend}`);
}

function none(): AppError {
  const looked =
    'CANARYD_KUBECONFIG and KUBECONFIG are not set, there is no ~/.kube/config, and this is no pod';
  return new AppError('configuration', `there are no credentials (${looked}): give --kubeconfig=PATH`);
}
