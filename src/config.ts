import { type Environment, misspelledIn } from './config/environment.ts';
import { schemaFaults } from './config/faults.ts';
import { type ConfigFile, parseConfigFile } from './config/file.ts';
import { readText } from './config/read-text.ts';
import { combinedFaults, type Fault } from './config/rules.ts';
import { type ClusterSettings, type Path, Settings } from './config/settings.ts';
import { gather, type Written } from './config/sources.ts';
import { urlFrom } from './config/urls.ts';
import { AppError } from './errors.ts';
import { valueAt } from './known-names.ts';

/** A secret, or the file that holds it and may be replaced while canaryd runs. */
type Secret = { kind: 'text'; text: string } | { kind: 'file'; path: string };

/** Where a provider answers, and how it is asked. */
type ProviderConfig = {
  url: string;
  auth:
    | { kind: 'none' }
    | { kind: 'basic'; user: string; password: Secret }
    | { kind: 'bearer'; token: Secret };
  headers: Record<string, string>;
};

export type ClusterConfig = {
  name: string;
  source: { kind: 'file'; path: string; context?: string } | { kind: 'inCluster' };
  clusterDomain: string;
  /** Where istiod runs; `istio-system` when left out. */
  rootNamespace?: string;
  prometheus: ProviderConfig & { scrapeSeconds: number };
  /** Whose silences and alerts are looked at; nobody's when left out. */
  alertmanager?: ProviderConfig;
};

export type Config = {
  databaseUrl: string;
  queue: { kind: 'redis'; url: string } | { kind: 'postgres'; url: string };
  listen: { host: string; port: number };
  role: 'all' | 'api' | 'worker';
  tokens: { kind: 'file'; path: string } | { kind: 'text'; json: string };
  /** At least one; names are unique. */
  clusters: ClusterConfig[];
  /** What custom checks may ask for, by name. */
  checkTemplates: Settings['checkTemplates'];
  /** How long things are kept; null is for ever. */
  retention: { measurementDays: number; auditMonths: number | null };
  /** Turns that one process runs at the same time. */
  concurrency: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
};

/** What of a configuration is free of faults; null where it is not. A whole configuration is one of these, too. */
export type SoundParts = {
  databaseUrl: string | null;
  queue: Config['queue'] | null;
  tokens: Config['tokens'] | null;
  clusters: ClusterConfig[];
};

export type ConfigRead =
  | { kind: 'whole'; config: Config }
  | { kind: 'faulty'; error: AppError; sound: SoundParts };

/**
 * Reads the configuration from the environment and from the file that CANARYD_CONFIG names.
 * @param role what the command line says of the role, which wins; null when it says nothing
 * @throws AppError `configuration` whose message lists every fault at once and never quotes a value
 */
export async function readConfig(environment: Environment, role: string | null = null): Promise<Config> {
  const read = await readParts(environment, role);
  if (read.kind === 'faulty') throw read.error;
  return read.config;
}

/**
 * Reads the configuration as `readConfig` does: the only place that does. Never throws for what people wrote: where it
 * has faults, answers them as the error of `readConfig`, and what of it is sound.
 */
export async function readParts(environment: Environment, role: string | null = null): Promise<ConfigRead> {
  const opened = await fileFrom(environment['CANARYD_CONFIG'] || null);
  const file = opened.kind === 'broken' ? nothingIn : opened.file;
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
  ];
  const misspelled = misspelledIn(environment).map(
    ({ name, meant }) => `${name} is no setting: did you mean ${meant}?`,
  );
  const all = [...found.map(({ path, says }) => `${written.nameOf(path)} ${says}`), ...faults, ...misspelled];
  const rest = { environment, urls };
  if (opened.kind === 'file' && parsed.success && all.length === 0)
    return { kind: 'whole', config: configFrom(parsed.data, written, rest) };
  const error = opened.kind === 'broken' ? opened.error : refused(all, file);
  return { kind: 'faulty', error, sound: soundParts(found, written, rest) };
}

/** Stands for a file that cannot be read: what is missing then may stand in it. */
const nothingIn: ConfigFile = { path: '', tree: {}, lineOf: () => null, resolve: (to) => to };

type Opened = { kind: 'file'; file: ConfigFile | null } | { kind: 'broken'; error: AppError };

async function fileFrom(path: string | null): Promise<Opened> {
  if (path === null) return { kind: 'file', file: null };
  const read = await readText(path);
  if (read.kind === 'unreadable') {
    const fault = `CANARYD_CONFIG names a file that cannot be read: ${read.why} ${path}`;
    return { kind: 'broken', error: refused([fault], null) };
  }
  const parsed = parseConfigFile(path, read.text);
  if (parsed.kind === 'file') return parsed;
  return { kind: 'broken', error: refused(parsed.faults, { path }) };
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

function configFrom(settings: Settings, written: Written, rest: Rest): Config {
  const databaseUrl = settings.databaseUrl ?? rest.urls.databaseUrl ?? '';
  const redisUrl = settings.redisUrl ?? rest.urls.redisUrl;
  return {
    databaseUrl,
    queue: queueFrom(redisUrl, databaseUrl),
    listen: settings.listen,
    role: settings.role,
    tokens: tokensFrom(settings.tokensFile, written, rest),
    clusters: settings.clusters.map((cluster, index) =>
      clusterFrom(cluster, index, clusterRest(written, rest)),
    ),
    checkTemplates: settings.checkTemplates,
    retention: settings.retention,
    concurrency: settings.workers,
    logLevel: settings.logLevel,
  };
}

const {
  databaseUrl: SoundUrl,
  redisUrl: SoundRedis,
  tokensFile: SoundPath,
  clusters: Clusters,
} = Settings.shape;

/** Each part by itself, unless a fault was found in it. */
function soundParts(found: Fault[], written: Written, rest: Rest): SoundParts {
  const isFaulty = (...keys: string[]) => found.some(({ path }) => keys.includes(String(path[0])));
  const { urls } = rest;
  const at = (key: string) => valueAt(written.tree, [key]);
  const databaseUrl = isFaulty('databaseUrl', 'databaseUrlFile')
    ? null
    : (SoundUrl.safeParse(at('databaseUrl')).data ?? urls.databaseUrl);
  const redisUrl = SoundRedis.safeParse(at('redisUrl')).data ?? urls.redisUrl;
  const hasQueue = databaseUrl !== null && !isFaulty('redisUrl', 'redisUrlFile');
  return {
    databaseUrl,
    queue: hasQueue ? queueFrom(redisUrl, databaseUrl) : null,
    tokens: isFaulty('tokensFile')
      ? null
      : tokensFrom(SoundPath.safeParse(at('tokensFile')).data, written, rest),
    clusters: soundClusters(found, written, rest),
  };
}

function soundClusters(found: Fault[], written: Written, rest: Rest): ClusterConfig[] {
  const all = valueAt(written.tree, ['clusters']);
  return (Array.isArray(all) ? all : []).flatMap((one: unknown, index) => {
    const isFaulty = found.some(({ path }) => path[0] === 'clusters' && path[1] === index);
    const cluster = Clusters.element.safeParse(one);
    return isFaulty || !cluster.success ? [] : [clusterFrom(cluster.data, index, clusterRest(written, rest))];
  });
}

function queueFrom(redisUrl: string | null, databaseUrl: string): Config['queue'] {
  return redisUrl === null ? { kind: 'postgres', url: databaseUrl } : { kind: 'redis', url: redisUrl };
}

function tokensFrom(file: string | undefined, written: Written, { environment }: Rest): Config['tokens'] {
  return file === undefined
    ? { kind: 'text', json: environment['CANARYD_TOKENS'] ?? '' }
    : { kind: 'file', path: written.fileAt(['tokensFile'], file) };
}

function clusterRest(written: Written, { environment }: Rest): ClusterRest {
  return { written, password: environment['CANARYD_PROMETHEUS_PASSWORD'] || null };
}

type ClusterRest = { written: Written; password: string | null };

function clusterFrom(settings: ClusterSettings, index: number, rest: ClusterRest): ClusterConfig {
  const { name, kubeconfig, context, clusterDomain, rootNamespace, prometheus, alertmanager } = settings;
  const fileAt = (key: string, to: string) => rest.written.fileAt(['clusters', index, key], to);
  return {
    name,
    clusterDomain,
    ...(rootNamespace === undefined ? {} : { rootNamespace }),
    source:
      kubeconfig === undefined
        ? { kind: 'inCluster' }
        : {
            kind: 'file',
            path: fileAt('kubeconfig', kubeconfig),
            ...(context === undefined ? {} : { context }),
          },
    prometheus: {
      ...providerFrom(prometheus, (to) => fileAt('prometheus', to), rest.password),
      scrapeSeconds: prometheus.scrapeSeconds,
    },
    ...(alertmanager === undefined
      ? {}
      : { alertmanager: providerFrom(alertmanager, (to) => fileAt('alertmanager', to), null) }),
  };
}

type ProviderSettings = NonNullable<ClusterSettings['alertmanager']>;

function providerFrom(
  settings: ProviderSettings,
  fileAt: (to: string) => string,
  password: string | null,
): ProviderConfig {
  const { url, headers = {} } = settings;
  return { url, headers, auth: authFrom(settings, fileAt, password) };
}

function authFrom(
  { user, passwordFile, bearerTokenFile }: ProviderSettings,
  fileAt: (to: string) => string,
  password: string | null,
): ProviderConfig['auth'] {
  if (bearerTokenFile !== undefined) {
    return { kind: 'bearer', token: { kind: 'file', path: fileAt(bearerTokenFile) } };
  }
  if (user === undefined) return { kind: 'none' };
  if (passwordFile !== undefined) {
    return { kind: 'basic', user, password: { kind: 'file', path: fileAt(passwordFile) } };
  }
  return { kind: 'basic', user, password: { kind: 'text', text: password ?? '' } };
}
