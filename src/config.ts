import { z } from 'zod';
import { AppError } from './errors.ts';

const Listen = z
  .string()
  .default('127.0.0.1:8080')
  .transform((text, context) => {
    const match = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i.exec(text);
    const port = Number(match?.[2]);
    if (match?.[1] !== undefined && port <= 65_535) return { host: match[1].replace(/^\[|\]$/g, ''), port };
    context.addIssue({ code: 'custom', message: 'write host:port, such as 127.0.0.1:8080' });
    return z.NEVER;
  });

const HttpUrl = z.url({ protocol: /^https?$/, error: 'write a URL that begins with http:// or https://' });

const Environment = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'write a URL that begins with postgres://' })
    .describe('PostgreSQL, for state, audit and the queue'),
  CANARYD_LISTEN: Listen,
  CANARYD_ROLE: z.enum(['all', 'api', 'worker'], { error: 'write all, api or worker' }).default('all'),
  CANARYD_TOKENS_FILE: z.string().min(1).optional(),
  CANARYD_TOKENS: z.string().min(1).optional(),
  CANARYD_KUBECONFIG: z.string().min(1).optional(),
  CANARYD_CLUSTER_DOMAIN: z.string().min(1).default('cluster.local'),
  CANARYD_PROMETHEUS_URL: HttpUrl,
  CANARYD_PROMETHEUS_USER: z.string().min(1).optional(),
  CANARYD_PROMETHEUS_PASSWORD: z.string().min(1).optional(),
  CANARYD_SCRAPE_SECONDS: z.coerce.number({ error: 'write seconds' }).positive().max(300).default(15),
  CANARYD_WORKERS: z.coerce.number({ error: 'write a whole number' }).int().min(1).max(100).default(10),
  CANARYD_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export type Config = {
  databaseUrl: string;
  listen: { host: string; port: number };
  role: 'all' | 'api' | 'worker';
  tokens: { kind: 'file'; path: string } | { kind: 'text'; json: string };
  kubeconfig: { kind: 'file'; path: string } | { kind: 'inCluster' };
  clusterDomain: string;
  prometheus: { url: string; auth: { username: string; password: string } | null; scrapeSeconds: number };
  /** Turns that one process runs at the same time. */
  concurrency: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
};

/**
 * Reads the configuration from the environment: the only place that does.
 * @throws AppError `configuration` whose message lists every fault at once and never quotes a value
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const parsed = Environment.safeParse(environment);
  const faults = parsed.success ? [] : parsed.error.issues.map((issue) => faultOf(issue, environment));
  if (environment['CANARYD_TOKENS'] === undefined && environment['CANARYD_TOKENS_FILE'] === undefined) {
    faults.push('CANARYD_TOKENS_FILE is missing: the path of a JSON list of bearer tokens');
  }
  if (
    (environment['CANARYD_PROMETHEUS_USER'] === undefined) !==
    (environment['CANARYD_PROMETHEUS_PASSWORD'] === undefined)
  ) {
    faults.push('CANARYD_PROMETHEUS_USER and CANARYD_PROMETHEUS_PASSWORD go together: set both or none');
  }
  if (!parsed.success || faults.length > 0) {
    throw new AppError(
      'configuration',
      `the configuration has ${faults.length} fault(s):\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
  return configFrom(parsed.data);
}

function faultOf(issue: z.core.$ZodIssue, environment: Record<string, string | undefined>): string {
  const name = String(issue.path[0]);
  return environment[name] === undefined
    ? `${name} is missing: ${issue.message}`
    : `${name}: ${issue.message}`;
}

function configFrom(read: z.infer<typeof Environment>): Config {
  const { CANARYD_PROMETHEUS_USER: user, CANARYD_PROMETHEUS_PASSWORD: password } = read;
  return {
    databaseUrl: read.DATABASE_URL,
    listen: read.CANARYD_LISTEN,
    role: read.CANARYD_ROLE,
    tokens:
      read.CANARYD_TOKENS_FILE === undefined
        ? { kind: 'text', json: read.CANARYD_TOKENS ?? '' }
        : { kind: 'file', path: read.CANARYD_TOKENS_FILE },
    kubeconfig:
      read.CANARYD_KUBECONFIG === undefined
        ? { kind: 'inCluster' }
        : { kind: 'file', path: read.CANARYD_KUBECONFIG },
    clusterDomain: read.CANARYD_CLUSTER_DOMAIN,
    prometheus: {
      url: read.CANARYD_PROMETHEUS_URL,
      auth: user === undefined || password === undefined ? null : { username: user, password },
      scrapeSeconds: read.CANARYD_SCRAPE_SECONDS,
    },
    concurrency: read.CANARYD_WORKERS,
    logLevel: read.CANARYD_LOG_LEVEL,
  };
}
