import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname } from 'node:path';
import {
  ApiException,
  AuthorizationV1Api,
  type ConfigurationOptions,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  Observable,
  type RequestContext,
  type ResponseContext,
  VersionApi,
} from '@kubernetes/client-node';
import { Agent } from 'undici';
import { z } from 'zod';
import { AppError, codeOf } from '../errors.ts';
import { type ApiAnswer, ApiStatus, type Refusal } from './api-answer.ts';

/** Where the cluster's address and credentials come from. */
export type KubeSource =
  | { kind: 'file'; path: string; context?: string }
  | { kind: 'text'; text: string; context?: string }
  | { kind: 'inCluster' };

/** `urgent` is what brings traffic back to stable: it must not wait behind hundreds of other calls. */
export type Lane = 'ordinary' | 'urgent';

/** The API clients of one cluster; all requests of a lane share one agent, so that connections are few and are reused. */
export type Connection = {
  custom: CustomObjectsApi;
  core: CoreV1Api;
  version: VersionApi;
  authorization: AuthorizationV1Api;
  agents: Record<Lane, Agent>;
  /** What stays open for long has connections of its own, so that it never takes one from a turn. */
  streams: Agent;
  server: string;
  /** The headers that say who asks, read anew by each request: a plugin or a file may have a newer token. */
  identify(): Promise<Record<string, string>>;
};

/** One request; it must hand on `options`, which carry the agent and the deadline. */
export type Request = (connection: Connection, options: ConfigurationOptions) => Promise<unknown>;

const connectTimeoutMs = 3000;
/** What a plugin may take to hand out credentials, in milliseconds; one that hangs must not stop a worker for good. */
const credentialsMs = 10_000;
/** For each lane: a day on which everything goes back is not to be slower than any other. */
const maxConnections = 8;
const patience = { headersTimeout: 10_000, bodyTimeout: 10_000 };

/**
 * Reads the credentials and makes the clients; nothing is sent yet.
 * @throws AppError `configuration` when the source cannot be read; the message never quotes it, because it holds secrets
 */
export async function connect(source: KubeSource): Promise<Connection> {
  const config = await readKubeconfig(source);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new AppError('configuration', 'the kubeconfig has no current context with a cluster');
  if (cluster.proxyUrl !== undefined) {
    throw new AppError('configuration', 'the kubeconfig names a proxy-url, which canaryd does not support');
  }
  const tls = await tlsFor(config, source);
  const laneAgent = () => new Agent({ ...patience, connections: maxConnections, connect: tls });
  return {
    custom: config.makeApiClient(CustomObjectsApi),
    core: config.makeApiClient(CoreV1Api),
    version: config.makeApiClient(VersionApi),
    authorization: config.makeApiClient(AuthorizationV1Api),
    agents: { ordinary: laneAgent(), urgent: laneAgent() },
    streams: new Agent({ ...patience, bodyTimeout: 0, connect: tls }),
    server: cluster.server.replace(/\/+$/, ''),
    identify: () => headersOf(config),
  };
}

async function headersOf(config: KubeConfig): Promise<Record<string, string>> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const basic = options.auth
    ? { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }
    : {};
  const given = Object.entries(options.headers ?? {}).map(([name, value]) => [
    name.toLowerCase(),
    String(value),
  ]);
  return { ...basic, ...Object.fromEntries(given) };
}

/** Sends one request with a deadline of `timeoutMs`, or until `signal` aborts. Never throws for what a server or a network may do. */
export async function send(
  connection: Connection,
  request: Request,
  signal: AbortSignal,
  { timeoutMs, lane = 'ordinary' }: { timeoutMs: number; lane?: Lane },
): Promise<ApiAnswer> {
  if (signal.aborted) return { kind: 'broken', how: 'notStarted', why: 'the time for the call was up' };
  const deadline = new AbortController();
  const expire = () => deadline.abort();
  const timer = setTimeout(expire, timeoutMs);
  signal.addEventListener('abort', expire, { once: true });
  try {
    const answer = request(connection, optionsOf(connection.agents[lane], deadline.signal));
    // The race also ends what no signal reaches: a credential plugin that hangs.
    return { kind: 'ok', body: await Promise.race([answer, rejectedWhen(deadline.signal)]) };
  } catch (error) {
    return answerOf(error, deadline.signal.aborted);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', expire);
  }
}

/**
 * Reads a kubeconfig and chooses the context that the source names.
 * @throws AppError `configuration` when it cannot be read or has no such context
 */
export async function readKubeconfig(source: KubeSource): Promise<KubeConfig> {
  const config = await loadConfig(source);
  chooseContext(config, source);
  return config;
}

function chooseContext(config: KubeConfig, source: KubeSource): void {
  if (source.kind === 'inCluster' || source.context === undefined) return;
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(source.context)) {
    const there = names.length === 0 ? 'none' : names.join(', ');
    throw new AppError(
      'configuration',
      `the kubeconfig has no context ${source.context}; its contexts: ${there}`,
    );
  }
  config.setCurrentContext(source.context);
}

async function loadConfig(source: KubeSource): Promise<KubeConfig> {
  const config = new KubeConfig();
  try {
    if (source.kind === 'inCluster') config.loadFromCluster();
    else config.loadFromString(source.kind === 'text' ? source.text : await readFile(source.path, 'utf8'));
    if (source.kind === 'file') config.makePathsAbsolute(dirname(source.path));
    return config;
  } catch (error) {
    const where = source.kind === 'file' ? `the kubeconfig ${source.path}` : 'the kubeconfig';
    throw new AppError('configuration', `${where} cannot be read${reasonOf(error)}`);
  }
}

type Tls = Record<string, unknown>;

/** How to connect. The client's own way makes an agent, and with it a TLS connection, for each request. */
async function tlsFor(config: KubeConfig, source: KubeSource): Promise<Tls> {
  const options: RequestOptions = {};
  try {
    await Promise.race([
      config.applyToHTTPSOptions(options),
      rejectedWhen(AbortSignal.timeout(credentialsMs)),
    ]);
  } catch (error) {
    if (source.kind === 'inCluster' && codeOf(error) === 'ENOENT') throw noServiceAccount();
    const of = source.kind === 'file' ? ` ${source.path}` : '';
    const why = `${reasonOf(error)}${fileIn(error)}`;
    throw new AppError('configuration', `the credentials of the kubeconfig${of} cannot be read${why}`);
  }
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const tls = { ca, cert, key, rejectUnauthorized, servername };
  const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  return { timeout: connectTimeoutMs, ...given };
}

function noServiceAccount(): AppError {
  const why = 'no CANARYD_KUBECONFIG is set, and there is no service account on this machine';
  return new AppError('configuration', `${why}: set it to a kubeconfig`);
}

/** The file, or the credential plugin, that is missing. */
function fileIn(error: unknown): string {
  return error instanceof Error && 'path' in error && typeof error.path === 'string' ? ` ${error.path}` : '';
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return code === null ? '' : `: ${code}`;
}

function optionsOf(agent: Agent, signal: AbortSignal): ConfigurationOptions {
  const middleware = {
    pre: (context: RequestContext) => {
      context.setDispatcher(agent);
      context.setSignal(signal);
      return new Observable(Promise.resolve(context));
    },
    post: (context: ResponseContext) => new Observable(Promise.resolve(context)),
  };
  return { middleware: [middleware], middlewareMergeStrategy: 'append' };
}

export function rejectedWhen(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the deadline has passed')), { once: true });
  });
}

function answerOf(error: unknown, timedOut: boolean): ApiAnswer {
  if (error instanceof ApiException) return { kind: 'refused', refusal: refusalOf(error) };
  if (timedOut) return { kind: 'broken', how: 'timeout', why: 'the API server did not answer in time' };
  const network = NetworkError.safeParse(error);
  if (!network.success) {
    return {
      kind: 'broken',
      how: 'unreadable',
      why: 'the API server answered with something that is no JSON',
    };
  }
  const code = network.data.cause.code;
  const how = beforeSending.test(code) ? 'notSent' : 'lost';
  return { kind: 'broken', how, why: `the connection to the API server failed: ${code}` };
}

/** What `fetch` throws; the code is Node's, OpenSSL's or undici's. */
const NetworkError = z.looseObject({ cause: z.looseObject({ code: z.string() }) });

/** Name lookup, connecting and the TLS handshake: the request has not left. Every other code leaves that open. */
const beforeSending =
  /^(?:ENOTFOUND|EAI_|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|UND_ERR_(?:CONNECT_TIMEOUT|CLOSED|DESTROYED)|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/;

/** The exception's message holds the response's headers and must not be used. */
function refusalOf({ code, body, headers }: ApiException<unknown>): Refusal {
  return { code, status: statusOf(body), retryAfter: headers['retry-after'] ?? null };
}

export function statusOf(body: unknown): ApiStatus | null {
  if (typeof body !== 'string') return null;
  try {
    return ApiStatus.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    // Not JSON: a proxy's page, or the bare text that stands for an unknown path.
    return null;
  }
}
