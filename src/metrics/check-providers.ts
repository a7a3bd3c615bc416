import type { CheckProvider } from '../rollout/ports/check-provider.ts';
import { prometheusChecks } from './check-prometheus.ts';
import type { PrometheusClient } from './client.ts';

/** What a provider is made from: how the cluster's own Prometheus is asked. */
type Access = { prometheus: PrometheusClient };

/** Who may be asked for custom checks, by the name that templates have for it. */
export const checkProviders: Readonly<Record<string, (access: Access) => CheckProvider>> = {
  prometheus: prometheusChecks,
};
