import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { endChild, hasEnded, lastWordsOf } from './child.ts';
import { cacheFolder, type Log, tryDebianPackages } from './debian.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);
const readyDeadlineMs = 20_000;
const stopDeadlineMs = 5000;
const startAttempts = 3;

export type PrometheusBinary = { binary: string; version: string };

/** What to scrape: metric pages by URL, or an HTTP service discovery that lists them. */
type ScrapeSources = { scrapeUrls: string[] } | { httpSdUrl: string };

export type PrometheusOptions = {
  binary: string;
  sources: ScrapeSources;
  scrapeSeconds: number;
  /** Rules in the form of a rule file; none when left out. */
  rules?: object;
  log: Log;
};

export type RunningPrometheus = {
  url: string;
  /** Stops the process where it stands (SIGSTOP): connections are taken, and nothing is answered or scraped. */
  freeze(): void;
  /** Lets a frozen process go on. */
  thaw(): void;
  stop(): Promise<void>;
};

/**
 * Finds a Prometheus server to run: the one on PATH, else Debian's package unpacked into the cache folder. Installs
 * nothing on the system. Throws with what to install when there is neither.
 */
export async function ensurePrometheus({ log }: { log: Log }): Promise<PrometheusBinary> {
  const installed = await versionOf('prometheus');
  if (installed !== null) return { binary: 'prometheus', version: installed };
  const folder = join(cacheFolder(), 'prometheus');
  const fetched = await tryDebianPackages(['prometheus'], folder, log);
  const binary = join(folder, 'usr', 'bin', 'prometheus');
  const version = await versionOf(binary);
  if (version !== null) return { binary, version };
  throw new Error(
    'no Prometheus server found: install it (macOS: "brew install prometheus"; Debian, Ubuntu: "apt-get install prometheus"; others: put the "prometheus" program on PATH) and try again',
    { cause: fetched },
  );
}

/**
 * Starts a Prometheus server with its own temporary folder on a free loopback port and waits until it is ready. Its
 * first scrape comes up to 5 s later, and so does that of a target discovered afterwards: Prometheus looks at its list
 * of targets only every 5 s (`discovery.Manager` in its sources). A target that fails is gone with its next scrape.
 * `stop` ends it and removes the folder; both also happen when this process exits or is told to by a signal. Throws
 * with the server's last words when it does not become ready.
 */
export async function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options, await freePort());
    } catch (cause) {
      // Another process may take the free port before Prometheus does.
      if (attempt === startAttempts || !isPortTaken(cause)) throw cause;
      options.log('the port was taken in the meantime: trying another one');
    }
  }
}

async function startOnce(options: PrometheusOptions, port: number) {
  const { binary, log } = options;
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-prometheus-'));
  await writeConfiguration(folder, options);
  const child = spawn(
    binary,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--storage.tsdb.retention.time=6h',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const lastWords = lastWordsOf(child);
  const forget = endWithThisProcess(child, folder);
  const freeze = () => void child.kill('SIGSTOP');
  const thaw = () => void child.kill('SIGCONT');
  const stop = async () => {
    // A frozen process would not notice that it is to end.
    thaw();
    await endChild(child, stopDeadlineMs);
    forget();
    removeFolder(folder);
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(url, child);
  } catch (cause) {
    await stop();
    const words = lastWords() || (cause instanceof Error ? cause.message : 'it said nothing');
    throw new Error(`Prometheus did not start: ${words}`, { cause });
  }
  log(`Prometheus is ready at ${url}`);
  return { url, freeze, thaw, stop };
}

/** JSON is YAML too. */
async function writeConfiguration(folder: string, { sources, scrapeSeconds, rules }: PrometheusOptions) {
  const whole = configuration(sources, scrapeSeconds);
  const named = rules === undefined ? whole : { ...whole, rule_files: ['rules.yml'] };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(named));
  if (rules !== undefined) await writeFile(join(folder, 'rules.yml'), JSON.stringify(rules));
}

function configuration(sources: ScrapeSources, scrapeSeconds: number): object {
  const interval = `${Math.round(scrapeSeconds * 1000)}ms`;
  const jobs =
    'httpSdUrl' in sources
      ? [{ job_name: 'mesh', http_sd_configs: [{ url: sources.httpSdUrl, refresh_interval: interval }] }]
      : sources.scrapeUrls.map((url, index) => staticJob(`page-${index}`, new URL(url)));
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    scrape_configs: jobs,
  };
}

function staticJob(name: string, url: URL): object {
  return { job_name: name, metrics_path: url.pathname, static_configs: [{ targets: [url.host] }] };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = AbortSignal.timeout(readyDeadlineMs);
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with exit code ${code}`)));
  });
  const ready = (async () => {
    while (!(await answersReady(url))) {
      if (deadline.aborted) throw new Error(`it was not ready after ${readyDeadlineMs / 1000} s`);
      if (hasEnded(child)) return;
      await wait(50);
    }
  })();
  await Promise.race([ready, failed]);
}

async function answersReady(url: string): Promise<boolean> {
  return fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(1000) }).then(
    (answer) => answer.ok,
    () => false,
  );
}

/** Ends the child and removes its folder when this process goes; answers a function that undoes the arrangement. */
function endWithThisProcess(child: ChildProcess, folder: string): () => void {
  const end = () => {
    child.kill('SIGKILL');
    removeFolder(folder);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever else listens decides when to go, and our exit listener ends the child then.
    if (process.listenerCount(signal) > 0) return;
    end();
    process.kill(process.pid, signal);
  };
  process.once('exit', end);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return () => {
    process.off('exit', end);
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

async function versionOf(binary: string): Promise<string | null> {
  try {
    const { stdout, stderr } = await run(binary, ['--version'], { timeout: 10_000 });
    return /version (\S+)/.exec(`${stdout}${stderr}`)?.[1] ?? null;
  } catch {
    return null;
  }
}

function isPortTaken(cause: unknown): boolean {
  return cause instanceof Error && cause.message.includes('address already in use');
}
