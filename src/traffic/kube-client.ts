import type { ApiAnswer } from './api-answer.ts';
import { type Connection, connect, type KubeSource, type Request, send } from './kube-connection.ts';

/** One cluster's connection, which is made anew when its credentials have changed. */
export type Client = {
  source: KubeSource;
  connection: Promise<Connection>;
  readTimeoutMs: number;
  writeTimeoutMs: number;
  /** The version of Istio's networking API that this cluster was last seen to serve. */
  istioVersion: string;
};

const late: ApiAnswer = {
  kind: 'broken',
  how: 'notStarted',
  why: "the cluster's credentials were not renewed in time",
};

/**
 * A token may have been renewed since it was read: a 401 is asked once more with fresh credentials. A renewal that takes
 * longer than the call may last goes on without it, for the calls that follow.
 */
export async function ask(
  client: Client,
  request: Request,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ApiAnswer> {
  const before = client.connection;
  const used = await inTime(before, signal, timeoutMs);
  if (used === null) return late;
  const answer = await send(used, request, signal, timeoutMs);
  if (answer.kind !== 'refused' || answer.refusal.code !== 401) return answer;
  if (client.connection === before) client.connection = reconnect(client.source, used);
  const renewed = await inTime(client.connection, signal, timeoutMs);
  return renewed === null ? late : send(renewed, request, signal, timeoutMs);
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
    used.agent.close().catch(() => undefined);
    return fresh;
  } catch {
    return used;
  }
}
