import { z } from 'zod';
import { CheckTemplates } from './check-templates.ts';

const Text = z.string({ error: 'write text' }).min(1, { error: 'write text, not nothing' });

const Listen = z
  .string({ error: 'write host:port, such as 127.0.0.1:8080' })
  .default('127.0.0.1:8080')
  .transform((text, context) => {
    const match = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i.exec(text);
    const port = Number(match?.[2]);
    if (match?.[1] !== undefined && port <= 65_535) return { host: match[1].replace(/^\[|\]$/g, ''), port };
    context.addIssue({ code: 'custom', message: 'write host:port, such as 127.0.0.1:8080' });
    return z.NEVER;
  });

const HttpUrl = z
  .url({ protocol: /^https?$/, error: 'write a URL that begins with http:// or https://' })
  .refine(isDecodable, { error: 'write a "%" in its user or password as %25' });

export const DatabaseUrl = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'write a URL that begins with postgres://',
});

export const RedisUrl = z.url({
  protocol: /^rediss?$/,
  error: 'write a URL that begins with redis:// or rediss://',
});

function isDecodable(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password } = new URL(url);
  return [username, password].every((text) => !/%(?![0-9a-f]{2})/i.test(text));
}

function whole(least: number, most: number) {
  const error = `write a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

const scrapeError = 'write seconds above 0, at most 300';
const headerError = 'a header has a name of letters, digits and "-", and text without line breaks';

/** How a provider is asked: what Prometheus and Alertmanager have in common behind their addresses. */
const access = {
  user: Text.optional().describe('Basic auth, together with `passwordFile`.'),
  passwordFile: Text.optional().describe('A file that holds the password and nothing else.'),
  bearerTokenFile: Text.optional().describe(
    'A file that holds a bearer token, instead of `user` and `passwordFile`.',
  ),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9-]{1,100}$/, { error: headerError }),
      z.string({ error: headerError }).regex(/^[\x20-\x7e]*$/, { error: headerError }),
      { error: 'write headers as `Name: text`' },
    )
    .optional()
    .describe('Further headers of each query, such as `X-Scope-OrgID`.'),
};

const Prometheus = z.strictObject(
  {
    url: HttpUrl.describe(
      'Base address of anything with the query API of Prometheus, with or without a path.',
    ),
    ...access,
    scrapeSeconds: z
      .number({ error: scrapeError })
      .positive({ error: scrapeError })
      .max(300, { error: scrapeError })
      .default(15)
      .describe("Seconds between two scrapes of the mesh's proxies."),
  },
  { error: 'write the keys of a Prometheus: at least url' },
);

const Alertmanager = z
  .strictObject(
    {
      url: HttpUrl.describe(
        'Base address of the Alertmanager whose silences and alerts are looked at; without `alertmanager` silences are unknown.',
      ),
      ...access,
    },
    { error: 'write the keys of an Alertmanager: at least url' },
  )
  .optional();

const nameError =
  'a cluster name has 1 to 63 of a-z, 0-9 and "-", and starts and ends with a letter or digit';

const Cluster = z.strictObject(
  {
    name: z
      .string({ error: nameError })
      .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, { error: nameError })
      .describe('What targets call the cluster. A rollout keeps it: do not rename.'),
    kubeconfig: Text.optional().describe('Path of a kubeconfig; this or `inCluster`.'),
    context: Text.optional().describe('A context of that kubeconfig; its current one when left out.'),
    inCluster: z
      .literal(true, { error: 'write true, or leave it out' })
      .optional()
      .describe('The cluster that canaryd runs in, by its service account.'),
    clusterDomain: Text.default('cluster.local').describe('Completes short host names.'),
    rootNamespace: Text.optional().describe('Where istiod runs: `istio-system` when left out.'),
    prometheus: Prometheus,
    alertmanager: Alertmanager,
  },
  { error: 'write the keys of a cluster: name, kubeconfig or inCluster, prometheus' },
);

const Retention = z.strictObject(
  {
    measurementDays: whole(1, 3650).default(90).describe('Days for which measurements are kept.'),
    auditMonths: whole(1, 1200)
      .nullable()
      .default(null)
      .describe('Months for which the audit log of ended rollouts is kept; `null` keeps it for ever.'),
  },
  { error: 'write measurementDays and auditMonths' },
);

/** Everything that can be set, as a configuration file writes it. The descriptions are those of the guide. */
export const Settings = z.strictObject(
  {
    listen: Listen.describe(
      'Host and port of the API; of a worker, of its probes and metrics. A worker whose port is taken logs it and works on without probes.',
    ),
    role: z
      .enum(['all', 'api', 'worker'], { error: 'write all, api or worker' })
      .default('all')
      .describe('`api` answers requests, `worker` takes turns and answers probes only, `all` does both.'),
    databaseUrl: DatabaseUrl.optional().describe(
      '`postgres://user:password@host:5432/name`: state and audit log.',
    ),
    databaseUrlFile: Text.optional().describe('A file that holds the database URL and nothing else.'),
    redisUrl: RedisUrl.optional().describe('The queue; without it the queue is in PostgreSQL.'),
    redisUrlFile: Text.optional().describe('A file that holds the Redis URL and nothing else.'),
    tokensFile: Text.optional().describe('Path of a JSON list of bearer tokens.'),
    workers: whole(1, 500)
      .default(128)
      .describe("Turns that one process runs at a time; those of people's words come on top."),
    logLevel: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'], {
        error: 'write debug, info, warn, error or silent',
      })
      .default('info')
      .describe('JSON lines on standard output.'),
    retention: Retention.prefault({}),
    checkTemplates: CheckTemplates.describe(
      'Queries that custom checks of plans may ask, by name: see [below](#templates-of-custom-checks).',
    ),
    clusters: z
      .array(Cluster, { error: 'write a list with at least one cluster' })
      .min(1, { error: 'write a list with at least one cluster' })
      .max(50, { error: 'at most 50 clusters' }),
  },
  { error: 'write the keys of the configuration, such as databaseUrl and clusters' },
);
export type Settings = z.output<typeof Settings>;
export type ClusterSettings = Settings['clusters'][number];

export type Path = readonly (string | number)[];

/** The environment variable of each setting. Those of a cluster describe the only one, which is then called `default`. */
export const variables = {
  CANARYD_LISTEN: ['listen'],
  CANARYD_ROLE: ['role'],
  DATABASE_URL: ['databaseUrl'],
  REDIS_URL: ['redisUrl'],
  CANARYD_TOKENS_FILE: ['tokensFile'],
  CANARYD_WORKERS: ['workers'],
  CANARYD_LOG_LEVEL: ['logLevel'],
  CANARYD_RETENTION_MEASUREMENT_DAYS: ['retention', 'measurementDays'],
  CANARYD_RETENTION_AUDIT_MONTHS: ['retention', 'auditMonths'],
  CANARYD_KUBECONFIG: ['clusters', 0, 'kubeconfig'],
  CANARYD_CLUSTER_DOMAIN: ['clusters', 0, 'clusterDomain'],
  CANARYD_PROMETHEUS_URL: ['clusters', 0, 'prometheus', 'url'],
  CANARYD_PROMETHEUS_USER: ['clusters', 0, 'prometheus', 'user'],
  CANARYD_SCRAPE_SECONDS: ['clusters', 0, 'prometheus', 'scrapeSeconds'],
  CANARYD_ALERTMANAGER_URL: ['clusters', 0, 'alertmanager', 'url'],
} as const satisfies Record<string, Path>;

/** Variables that have no key in a file: where the file is, and secrets that a file only points to. */
export const furtherVariables = ['CANARYD_CONFIG', 'CANARYD_TOKENS', 'CANARYD_PROMETHEUS_PASSWORD'] as const;
