import type { RolloutService } from '../rollout/service.ts';
import { contractOf } from './openapi.ts';
import { buildServer } from './server.ts';

/** The contract as YAML, from a server whose routes have nothing behind them. */
export async function generateContract(): Promise<string> {
  const app = buildServer({
    service: nobody,
    plans: {
      find: unasked,
      versions: unasked,
      list: unasked,
      put: unasked,
      choose: unasked,
      unknownIn: () => [],
    },
    targets: { list: unasked, read: unasked },
    holds: { place: unasked, lift: unasked, standing: unasked, live: unasked, rollBack: unasked },
    alerts: { receive: unasked },
    tokens: { identify: () => null },
    readiness: async () => ({}),
    metricsText: async () => '',
  });
  await app.ready();
  const contract = contractOf(app);
  await app.close();
  return contract;
}

const unasked = () => Promise.reject(new Error('only the contract is asked for'));

const nobody: RolloutService = {
  create: unasked,
  preview: unasked,
  preflight: unasked,
  checklist: unasked,
  mutualTls: unasked,
  act: unasked,
  find: unasked,
  list: unasked,
  entries: unasked,
  events: unasked,
  audit: unasked,
  recall: unasked,
  live: { recent: unasked, resumePoint: unasked, history: unasked, measurements: unasked },
};
