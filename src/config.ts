import { type Environment, misspelledIn } from './config/environment.ts';
import { schemaFaults } from './config/faults.ts';
import { type ConfigFile, parseConfigFile } from './config/file.ts';
import { readText } from './config/read-text.ts';
import { combinedFaults, type Fault } from './config/rules.ts';
import { type ClusterSettings, type Path, Settings } from './config/settings.ts';
import { gather, type Written } from './config/sources.ts';
import { urlFrom } from './config/urls.ts';
import { AppError } from './errors.ts';

/** A secret, or the file that holds it and may be replaced while canaryd runs. */
type Secret = { kind: 'text'; text: string } | { kind: 'file'; path: string };

type PrometheusConfig = {
  url: string;
  auth:
    | { kind: 'none' }
    | { kind: 'basic'; user: string; password: Secret }
    | { kind: 'bearer'; token: Secret };
  headers: Record<string, string>;
  scrapeSeconds: number;
};

export type ClusterConfig = {
  name: string;
  source: { kind: 'file'; path: string; context?: string } | { kind: 'inCluster' };
  clusterDomain: string;
  prometheus: PrometheusConfig;
};

export type Config = {
  databaseUrl: string;
  queue: { kind: 'redis'; url: string } | { kind: 'postgres'; url: string };
  listen: { host: string; port: number };
  role: 'all' | 'api' | 'worker';
  tokens: { kind: 'file'; path: string } | { kind: 'text'; json: string };
  /** At least one; names are unique. */
  clusters: ClusterConfig[];
  /** How long things are kept; null is for ever. */
  retention: { measurementDays: number; auditMonths: number | null };
  /** Turns that one process runs at the same time. */
  concurrency: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
};

/**
 * Reads the configuration from the environment and from the file that CANARYD_CONFIG names: the only place that does.
 * @param role what the command line says of the role, which wins; null when it says nothing
 * @throws AppError `configuration` whose message lists every fault at once and never quotes a value
 */
export async function readConfig(environment: Environment, role: string | null = null): Promise<Config> {
  const file = await fileFrom(environment['CANARYD_CONFIG'] || null);
  const { written, faults } = gather(environment, role, file);
  const parsed = Settings.safeParse(written.tree);
  const given = {
    tokens: Boolean(environment['CANARYD_TOKENS']),
    password: Boolean(environment['CANARYD_PROMETHEUS_PASSWORD']) && faults.length === 0,
  };
  const urls = await urlsFrom(written);
  const found = [
    ...schemaFaults(written.tree, parsed.error?.issues ?? []),
    ...combinedFaults(written.tree, given),
    ...urls.faults,
  ].map(({ path, says }) => `${written.nameOf(path)} ${says}`);
  const misspelled = misspelledIn(environment).map(
    ({ name, meant }) => `${name} is no setting: did you mean ${meant}?`,
  );
  const all = [...found, ...faults, ...misspelled];
  if (!parsed.success || all.length > 0) throw refused(all, file);
  return configFrom(parsed.data, written, { environment, urls });
}

async function fileFrom(path: string | null): Promise<ConfigFile | null> {
  if (path === null) return null;
  const read = await readText(path);
  if (read.kind === 'unreadable') {
    throw refused([`CANARYD_CONFIG names a file that cannot be read: ${read.why}`], null);
  }
  const parsed = parseConfigFile(path, read.text);
  if (parsed.kind === 'file') return parsed.file;
  throw refused(parsed.faults, { path });
}

function refused(faults: string[], file: Pick<ConfigFile, 'path'> | null): AppError {
  const where = file === null ? 'the configuration' : `the configuration in ${file.path} and the environment`;
  const list = faults.map((fault) => `  ${fault}`).join('\n');
  return new AppError('configuration', `${where} has ${faults.length} fault(s):\n${list}`);
}

type Urls = { databaseUrl: string | null; redisUrl: string | null; faults: Fault[] };

async function urlsFrom(written: Written): Promise<Urls> {
  const faults: Fault[] = [];
  const from = async (path: Path): Promise<string | null> => {
    const file = written.textAt(path);
    if (file === null) return null;
    const read = await urlFrom({ path, file: written.fileAt(path, file) });
    if ('url' in read) return read.url;
    faults.push(read);
    return null;
  };
  const [databaseUrl, redisUrl] = [await from(['databaseUrlFile']), await from(['redisUrlFile'])];
  return { databaseUrl, redisUrl, faults };
}

type Rest = { environment: Environment; urls: Urls };

function configFrom(settings: Settings, written: Written, { environment, urls }: Rest): Config {
  const databaseUrl = settings.databaseUrl ?? urls.databaseUrl ?? '';
  const redisUrl = settings.redisUrl ?? urls.redisUrl;
  const { tokensFile } = settings;
  const password = environment['CANARYD_PROMETHEUS_PASSWORD'] || null;
  return {
    databaseUrl,
    queue: redisUrl === null ? { kind: 'postgres', url: databaseUrl } : { kind: 'redis', url: redisUrl },
    listen: settings.listen,
    role: settings.role,
    tokens:
      tokensFile === undefined
        ? { kind: 'text', json: environment['CANARYD_TOKENS'] ?? '' }
        : { kind: 'file', path: written.fileAt(['tokensFile'], tokensFile) },
    clusters: settings.clusters.map((cluster, index) => clusterFrom(cluster, index, { written, password })),
    retention: settings.retention,
    concurrency: settings.workers,
    logLevel: settings.logLevel,
  };
}

type ClusterRest = { written: Written; password: string | null };

function clusterFrom(settings: ClusterSettings, index: number, rest: ClusterRest): ClusterConfig {
  const { name, kubeconfig, context, clusterDomain, prometheus } = settings;
  const fileAt = (key: string, to: string) => rest.written.fileAt(['clusters', index, key], to);
  return {
    name,
    clusterDomain,
    source:
      kubeconfig === undefined
        ? { kind: 'inCluster' }
        : {
            kind: 'file',
            path: fileAt('kubeconfig', kubeconfig),
            ...(context === undefined ? {} : { context }),
          },
    prometheus: {
      url: prometheus.url,
      headers: prometheus.headers ?? {},
      scrapeSeconds: prometheus.scrapeSeconds,
      auth: authFrom(prometheus, (to) => fileAt('prometheus', to), rest.password),
    },
  };
}

function authFrom(
  { user, passwordFile, bearerTokenFile }: ClusterSettings['prometheus'],
  fileAt: (to: string) => string,
  password: string | null,
): PrometheusConfig['auth'] {
  if (bearerTokenFile !== undefined) {
    return { kind: 'bearer', token: { kind: 'file', path: fileAt(bearerTokenFile) } };
  }
  if (user === undefined) return { kind: 'none' };
  if (passwordFile !== undefined) {
    return { kind: 'basic', user, password: { kind: 'file', path: fileAt(passwordFile) } };
  }
  return { kind: 'basic', user, password: { kind: 'text', text: password ?? '' } };
}
