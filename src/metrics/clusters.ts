import { readFile } from 'node:fs/promises';
import { AppError, codeOf } from '../errors.ts';
import type { Metrics } from '../rollout/ports/metrics.ts';
import type { MetricsFacts } from '../rollout/ports/readiness.ts';
import type { Target } from '../rollout/target.ts';
import type { Millis } from '../rollout/units.ts';
import type { PrometheusAddress } from './client.ts';
import { type PrometheusMetrics, prometheusMetrics } from './prometheus.ts';
import { nothingMeasured } from './readings.ts';
import { nothingRead } from './surroundings-facts.ts';
import { nothingSurveyed } from './survey.ts';

/** A secret, or the file that holds it: such a file is renewed while canaryd runs. */
type Secret = { kind: 'text'; text: string } | { kind: 'file'; path: string };

/** The Prometheus of one cluster. */
export type ClusterPrometheus = {
  cluster: string;
  url: string;
  auth:
    | { kind: 'none' }
    | { kind: 'basic'; user: string; password: Secret }
    | { kind: 'bearer'; token: Secret };
  headers: Record<string, string>;
  /** Seconds between two scrapes of the mesh's proxies. */
  scrapeSeconds: number;
};

/** Anybody may read this: which file it is stands in the measurements. */
const unreadable = { ok: false, why: 'its credentials cannot be read' } as const;

export type ClusterMetrics = Metrics & {
  /** Whether each cluster's provider answers queries, by the cluster's name. */
  ready(signal: AbortSignal): Promise<Record<string, { ok: true } | { ok: false; why: string }>>;
  /** What the provider of the target's cluster tells of its surroundings; never throws. */
  facts(target: Target, now: Millis, signal: AbortSignal): Promise<MetricsFacts>;
};

/**
 * Measures each target in the Prometheus of its own cluster. Files with secrets are read for each measurement, so that
 * a renewed token works at once and a missing one is an outage of that cluster's metrics only.
 * @throws AppError `configuration` for an address that is no URL
 */
export function clusterMetrics(providers: readonly ClusterPrometheus[]): ClusterMetrics {
  const byName = new Map(providers.map((provider) => [provider.cluster, openProvider(provider)]));
  const open = (cluster: string) => (byName.get(cluster) ?? notConfigured(cluster))();
  return {
    scrapeSeconds: (cluster) => {
      const provider = providers.find((one) => one.cluster === cluster);
      if (provider !== undefined) return provider.scrapeSeconds;
      throw new AppError('configuration', `the cluster ${cluster} is not in the configuration`);
    },
    measure: async (request, signal) => {
      const opened = await open(request.target.cluster);
      return opened.kind === 'open'
        ? opened.metrics.measure(request, signal)
        : nothingMeasured(request, opened.why);
    },
    survey: async (request, signal) => {
      const { cluster } = request.target;
      const opened = await open(cluster);
      if (opened.kind === 'open') return opened.metrics.survey(request, signal);
      const scrapeSeconds = providers.find((one) => one.cluster === cluster)?.scrapeSeconds ?? 0;
      return nothingSurveyed(request, opened.why, scrapeSeconds);
    },
    facts: async (target, now, signal) => {
      const opened = await open(target.cluster);
      return opened.kind === 'open' ? opened.metrics.facts(target, now, signal) : nothingRead(opened.why);
    },
    ready: async (signal) => {
      const answers = [...byName].map(async ([name, open]) => {
        const opened = await open();
        const ready = opened.kind === 'open' ? await opened.metrics.ready(signal) : unreadable;
        return [name, ready] as const;
      });
      return Object.fromEntries(await Promise.all(answers));
    },
  };
}

/**
 * The address with its secrets, as they stand in their files now.
 * @returns why not, when a file cannot be read; the reason names the file and not what it holds
 */
export async function addressOf(
  provider: ClusterPrometheus,
): Promise<{ kind: 'address'; address: PrometheusAddress } | { kind: 'broken'; why: string }> {
  const { url, headers, auth } = provider;
  if (auth.kind === 'none') return { kind: 'address', address: { url, headers } };
  const secret = await readSecret(auth.kind === 'basic' ? auth.password : auth.token);
  if (secret.kind === 'broken') return secret;
  const { text } = secret;
  const credentials = auth.kind === 'basic' ? { username: auth.user, password: text } : { bearerToken: text };
  return { kind: 'address', address: { url, headers, auth: credentials } };
}

type Opened = { kind: 'open'; metrics: PrometheusMetrics } | { kind: 'broken'; why: string };

function openProvider(provider: ClusterPrometheus): () => Promise<Opened> {
  const { url, headers, scrapeSeconds } = provider;
  // An address that is none is refused at once, and not at the first measurement.
  let current = { key: '', metrics: prometheusMetrics({ url, headers, scrapeSeconds }) };
  return async () => {
    const read = await addressOf(provider);
    if (read.kind === 'broken') return read;
    const key = JSON.stringify(read.address);
    // One for all measurements, which share queries, for as long as the credentials are the same.
    if (key !== current.key)
      current = { key, metrics: prometheusMetrics({ ...read.address, scrapeSeconds }) };
    return { kind: 'open', metrics: current.metrics };
  };
}

function notConfigured(cluster: string): () => Promise<Opened> {
  const why = `the cluster ${cluster} is not in the configuration of canaryd any more`;
  return async () => ({ kind: 'broken', why });
}

async function readSecret(
  secret: Secret,
): Promise<{ kind: 'text'; text: string } | { kind: 'broken'; why: string }> {
  if (secret.kind === 'text') return secret;
  try {
    const text = (await readFile(secret.path, 'utf8')).trim();
    // Else it could end the header that it stands in.
    if (/^[^\p{Cc}]+$/u.test(text)) return { kind: 'text', text };
    return {
      kind: 'broken',
      why: `the file ${secret.path} does not hold one line of text: write the secret into it`,
    };
  } catch (error) {
    const why = codeOf(error) ?? 'unknown reason';
    return {
      kind: 'broken',
      why: `the file ${secret.path} with the credentials of Prometheus cannot be read: ${why}`,
    };
  }
}
