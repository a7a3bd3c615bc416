import { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { deleteNamespace } from './namespace-guard.ts';

const Order = z.strictObject({ kubeconfig: z.string(), namespaces: z.array(z.string()) });

await main();

/** Waits for the end of its input, which comes with the end of whoever started it, and then cleans up. */
async function main(): Promise<void> {
  process.on('SIGINT', () => undefined);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  const [first = '', last = ''] = Buffer.concat(chunks).toString().split('\n');
  if (first === '' || last === 'gone') return;
  const { kubeconfig, namespaces } = Order.parse(JSON.parse(first));
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  await Promise.all(namespaces.map((namespace) => cleanUp(config, namespace)));
}

async function cleanUp(config: KubeConfig, namespace: string): Promise<void> {
  const status = await deleteNamespace(config, namespace).catch(() => 0);
  const isDone = status === 404 || (status >= 200 && status < 300);
  const byHand = `could not delete the namespace ${namespace}; type: kubectl delete namespace ${namespace}`;
  process.stderr.write(
    isDone ? `deleted the namespace ${namespace} of the interrupted run\n` : `${byHand}\n`,
  );
}
