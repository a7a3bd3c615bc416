import type { Stack } from '../local/stack.ts';

/** What leads to a running demo; its credentials end with it. */
export type Reached = Pick<Stack, 'api' | 'token' | 'kubeconfigPath' | 'databaseUrl' | 'prometheusUrl'>;

/** Commands for another terminal, after which curl and kubectl reach the demo. */
export function accessTo({
  api,
  token,
  kubeconfigPath,
}: Omit<Reached, 'databaseUrl' | 'prometheusUrl'>): string[] {
  return [`export API=${api}`, `export TOKEN=${token}`, `export KUBECONFIG=${kubeconfigPath}`];
}

/** More of them: the configuration of canaryd as the demo runs it, and its check. They build on `accessTo`. */
export function doctorOf({
  databaseUrl,
  prometheusUrl,
}: Pick<Reached, 'databaseUrl' | 'prometheusUrl'>): string[] {
  return [
    `export DATABASE_URL=${databaseUrl}`,
    `export CANARYD_PROMETHEUS_URL=${prometheusUrl} CANARYD_SCRAPE_SECONDS=1`,
    'export CANARYD_KUBECONFIG=$KUBECONFIG',
    `export CANARYD_TOKENS='[{"token":"'$TOKEN'","kind":"person","name":"you"}]'`,
    'npm run -s canaryd -- doctor --target=payment-prod/payment-service',
  ];
}
