import type { CheckProvider } from '../rollout/ports/check-provider.ts';
import type { PrometheusClient } from './client.ts';
import { duration, quoted } from './promql.ts';

/** Custom checks asked of a cluster's Prometheus, as instant queries. */
export function prometheusChecks({ prometheus }: { prometheus: PrometheusClient }): CheckProvider {
  return {
    escaped: (text) => quoted(text).slice(1, -1),
    duration,
    ask: async (question, signal) => {
      const answer = await prometheus.ask(question, signal);
      if (answer.kind === 'failed') return { kind: 'unavailable', why: answer.why };
      return { kind: 'numbers', values: answer.rows.map(({ value }) => value) };
    },
  };
}
