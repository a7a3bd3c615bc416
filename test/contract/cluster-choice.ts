import { existsSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';

/** Which real cluster the suite is to run against: none, one that somebody asked for by name, or a request that is wrong. */
export type ClusterChoice =
  | { kind: 'none'; hint: string | null }
  | { kind: 'chosen'; context: string; config: KubeConfig }
  | { kind: 'refused'; why: string };

/** The variables of the environment that count. KUBECONFIG alone never does: many shells set it for production. */
type Environment = {
  CANARYD_CONTRACT_KUBECONFIG?: string | undefined;
  CANARYD_CONTRACT_CONTEXT?: string | undefined;
  KUBECONFIG?: string | undefined;
};

/** Reads the wish for a real cluster from the environment; nothing is sent. */
export function chooseCluster(environment: Environment): ClusterChoice {
  const { CANARYD_CONTRACT_KUBECONFIG: own, CANARYD_CONTRACT_CONTEXT: context, KUBECONFIG } = environment;
  if (isSet(own)) return read(own, context);
  if (isSet(context)) return isSet(KUBECONFIG) ? read(KUBECONFIG, context) : refused(nowhere(context));
  return { kind: 'none', hint: isSet(KUBECONFIG) ? notAsked(KUBECONFIG) : null };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function read(path: string, context: string | undefined): ClusterChoice {
  if (!existsSync(path)) return refused(`there is no kubeconfig ${path}: name one that exists`);
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch {
    // What the parser says may quote the file, which holds secrets.
    return refused(`${path} is no kubeconfig: kubectl --kubeconfig ${path} config view shows what is wrong`);
  }
  if (isSet(context)) config.setCurrentContext(context);
  if (config.getCurrentCluster() !== null) {
    return { kind: 'chosen', context: config.getCurrentContext(), config };
  }
  const names = config.getContexts().map(({ name }) => name);
  const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  return refused(
    `${path} has no context ${context ?? '(none is current)'}: set CANARYD_CONTRACT_CONTEXT (${known})`,
  );
}

function refused(why: string): ClusterChoice {
  return { kind: 'refused', why };
}

function nowhere(context: string): string {
  return `CANARYD_CONTRACT_CONTEXT=${context} names a context but no file: set CANARYD_CONTRACT_KUBECONFIG=<file> too`;
}

function notAsked(path: string): string {
  return (
    `KUBECONFIG=${path} is set, but nothing was sent to that cluster. To run the contract suite against it, ` +
    `in a namespace of its own, type: CANARYD_CONTRACT_KUBECONFIG=${path} npm run test:contract -- mesh-cluster`
  );
}
