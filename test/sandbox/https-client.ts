import { request } from 'node:https';

export type WireRequest = {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | null;
};

export type WireReply = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
};

/** Sends one HTTPS request and waits for the whole answer; rejects when the connection is cut or the signal fires. */
export function send(
  server: { url: string; ca: string },
  { method, path, headers = {}, body }: WireRequest,
  signal: AbortSignal = AbortSignal.timeout(5000),
): Promise<WireReply> {
  return new Promise((resolve, reject) => {
    // Node frames the body of a DELETE only when its length is given.
    const framed = body ? { ...headers, 'content-length': String(Buffer.byteLength(body)) } : headers;
    const options = { method, headers: framed, ca: server.ca, agent: false, signal };
    const sent = request(`${server.url}${path}`, options, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
      reply.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}
