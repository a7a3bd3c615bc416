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

/** A token may have been renewed since it was read: a 401 is asked once more with fresh credentials. */
export async function ask(
  client: Client,
  request: Request,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ApiAnswer> {
  const used = client.connection;
  const answer = await send(await used, request, signal, timeoutMs);
  if (answer.kind !== 'refused' || answer.refusal.code !== 401) return answer;
  if (client.connection === used) client.connection = reconnect(client.source, await used);
  return send(await client.connection, request, signal, timeoutMs);
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
