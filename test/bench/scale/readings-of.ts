import { createServer } from 'node:http';
import { answerQuery, type ServiceNow } from '../../../bench/scale/canned-prometheus.ts';
import type { Measurements } from '../../../src/analysis/reading.ts';
import { prometheusMetrics } from '../../../src/metrics/prometheus.ts';
import { listen } from '../../../src/sandbox/listen.ts';

const service = { name: 'service-1', namespace: 'scale-0' };
const arm = (version: string) => ({ host: 'service-1', subset: version, service, version, podLabels: {} });
const judged = { window: 10, failures: 2, minRequests: 100 };

/** What canaryd's own adapter reads of the canned answers about one service. */
export async function readingsOf(now: ServiceNow): Promise<Measurements> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const at = Number(searchParams.get('time') ?? Date.now() / 1000);
    response.end(answerQuery(searchParams.get('query') ?? '', at, () => now) ?? '{}');
  });
  const { port, close } = await listen(server);
  try {
    const metrics = prometheusMetrics({ url: `http://127.0.0.1:${port}`, scrapeSeconds: 5 });
    const request = {
      target: {
        cluster: 'default',
        namespace: service.namespace,
        virtualService: service.name,
        uid: '',
        route: '',
        stable: arm('v1'),
        canary: arm('v2'),
        routes: [
          { key: { kind: 'http' as const, name: '' }, original: { stable: 100, canary: 0, others: [] } },
        ],
        also: [],
        stableReadyAtStart: null,
      },
      checks: {
        errorRate: { metric: 'errorRate' as const, max: 0.01, ...judged },
        p99: { metric: 'p99LatencyMs' as const, max: 2000, ...judged },
      },
      at: Date.now(),
      incrementSeconds: 10,
      mirrored: false,
    };
    return await metrics.measure(request, AbortSignal.timeout(5000));
  } finally {
    await close();
  }
}
