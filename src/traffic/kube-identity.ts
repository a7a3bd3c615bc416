import { type KubeSource, readKubeconfig } from './kube-connection.ts';

/** Which cluster is asked, and as whom: names as they stand in the kubeconfig. */
export type KubeIdentity = { context: string; server: string; user: string };

/**
 * Reads who would ask whom; sends nothing. Secrets are left out.
 * @throws AppError `configuration` when the source cannot be read
 */
export async function identityOf(source: KubeSource): Promise<KubeIdentity> {
  const config = await readKubeconfig(source);
  return {
    context: config.getCurrentContext(),
    server: config.getCurrentCluster()?.server ?? 'unknown',
    user: config.getCurrentUser()?.name ?? 'unknown',
  };
}
