import { setMaxListeners } from 'node:events';
import { firstOf } from '../signals.ts';
import type { ApiAnswer } from './api-answer.ts';
import {
  type Connection,
  connect,
  type KubeSource,
  type Lane,
  type Request,
  send,
} from './kube-connection.ts';
import { type Opened, openPath } from './open-path.ts';

/** One cluster and a way to it. */
export type Client = {
  source: KubeSource;
  /** What all ways to the cluster have in common. */
  shared: Shared;
  lane: Lane;
  readTimeoutMs: number;
  writeTimeoutMs: number;
};

type Shared = {
  /** Made anew when the credentials have changed. */
  connection: Promise<Connection>;
  /** The version of Istio's networking API that this cluster was last seen to serve. */
  istioVersion: string;
};

const late: Failed = {
  kind: 'broken',
  how: 'notStarted',
  why: "the cluster's credentials were not renewed in time",
};

/** One request, with its answer read to the end. */
export async function ask(
  client: Client,
  request: Request,
  deadline: AbortSignal,
  timeoutMs: number,
): Promise<ApiAnswer> {
  const { lane } = client;
  // Many calls share a deadline, and Node warns of more than ten listeners to one signal as of a leak.
  const signal = firstOf([deadline]);
  setMaxListeners(0, signal);
  return withCredentials(client, (connection) => send(connection, request, signal, { timeoutMs, lane }), {
    signal,
    timeoutMs,
  });
}

/** Opens a path of the API, query included, on connections that turns do not use; see `openPath`. */
export async function open(client: Client, path: string, signal: AbortSignal): Promise<Opened> {
  const timeoutMs = client.readTimeoutMs;
  return withCredentials(client, (connection) => openPath(connection, path, signal), { signal, timeoutMs });
}

type Failed = Exclude<ApiAnswer, { kind: 'ok' }>;

/**
 * A token may have been renewed since it was read: a 401 is asked once more with fresh credentials. A renewal that takes
 * longer than the call may last goes on without it, for the calls that follow.
 */
async function withCredentials<Answered extends { kind: 'ok' | 'open' }>(
  { shared, source }: Client,
  attempt: (connection: Connection) => Promise<Answered | Failed>,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<Answered | Failed> {
  const before = shared.connection;
  const used = await inTime(before, signal, timeoutMs);
  if (used === null) return late;
  const answer = await attempt(used);
  if (answer.kind !== 'refused' || answer.refusal.code !== 401) return answer;
  if (shared.connection === before) shared.connection = reconnect(source, used);
  const renewed = await inTime(shared.connection, signal, timeoutMs);
  return renewed === null ? late : attempt(renewed);
}

/** The connection, or null when it is not there within `ms` milliseconds or before `signal` aborts. */
async function inTime(
  connection: Promise<Connection>,
  signal: AbortSignal,
  ms: number,
): Promise<Connection | null> {
  let giveUp = (): void => undefined;
  const given = new Promise<null>((resolve) => {
    giveUp = () => resolve(null);
  });
  const timer = setTimeout(giveUp, ms);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([connection, given]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

/** Keeps the old connection when the source cannot be read just now. */
async function reconnect(source: KubeSource, used: Connection): Promise<Connection> {
  try {
    const fresh = await connect(source);
    // Not awaited: it waits for requests of others, and what fails in closing concerns nobody.
    closeAgents(used).catch(() => undefined);
    return fresh;
  } catch {
    return used;
  }
}

/** Closes idle connections and waits for open requests. */
export async function closeAgents({ agents, streams }: Connection): Promise<void> {
  await Promise.all([agents.ordinary.close(), agents.urgent.close(), streams.close()]);
}
