import { z } from 'zod';
import type { Stack } from '../../local/stack.ts';
import { waitUntil } from './wait-until.ts';

const Answer = z.looseObject({ data: z.looseObject({ result: z.array(z.unknown()) }) });

/** How many series Prometheus answers a query with. */
async function countSeries({ prometheusUrl }: Stack, query: string): Promise<number> {
  const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`, {
    signal: AbortSignal.timeout(2000),
  });
  return Answer.parse(await answer.json()).data.result.length;
}

/**
 * Waits until Prometheus scrapes every pod of a workload, as whoever deploys waits until the pods are ready: it takes
 * up new ones once in 5 seconds only.
 */
export async function untilScraped(stack: Stack, workload: string): Promise<void> {
  const names = stack.sandbox.workloads.all().flatMap((pod) => (pod.workload === workload ? [pod.name] : []));
  const query = `up{pod=~"${names.join('|')}"} == 1`;
  await waitUntil(
    `Prometheus scrapes ${names.join(', ')}`,
    async () => (await countSeries(stack, query)) === names.length,
  );
}

/** Waits until Prometheus shows that a version of payment-service had all traffic for 6 seconds. */
export async function untilSeenAlone(stack: Stack, version: string): Promise<void> {
  const requests = (matcher: string) =>
    `sum(increase(istio_requests_total{reporter="destination",destination_service_name="payment-service",destination_version${matcher}"${version}"}[6s]))`;
  const query = `${requests('=')} > 0 unless ${requests('!=')} > 0`;
  await waitUntil(`only ${version} has requests`, async () => (await countSeries(stack, query)) === 1);
}
