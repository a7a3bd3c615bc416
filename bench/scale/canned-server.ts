import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { CannedAnswer, CannedRequest } from './canned-mesh.ts';
import type { Feed } from './canned-watch.ts';

/** Where the program that starts a canned server puts the certificate, and reads of it. */
export const certificateFiles = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' } as const;

/** Connections of clients stay open for as long as they would with the real servers. */
const keepAliveMs = 90_000;

/**
 * Serves over TLS on a free loopback port with the certificate in `folder`, tells the parent process where, and ends
 * with it.
 */
export async function serveCanned(
  folder: string,
  answer: (request: CannedRequest) => CannedAnswer,
): Promise<void> {
  const text = (file: string) => readFileSync(join(folder, file), 'utf8');
  const { cert, ca, key } = certificateFiles;
  const server = createServer({ cert: `${text(cert)}\n${text(ca)}`, key: text(key) }, (message, response) => {
    requestOf(message).then(
      (request) => {
        const { status, body, feed } = answer(request);
        response.writeHead(status, { 'content-type': 'application/json' });
        if (feed === undefined) response.end(body);
        else sendFeed(response, feed);
      },
      () => response.destroy(),
    );
  });
  server.keepAliveTimeout = keepAliveMs;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the canned server got no TCP port');
  process.on('disconnect', () => process.exit(0));
  process.send?.({ url: `https://127.0.0.1:${address.port}` });
}

/** The headers go first: a client waits for them before it counts as watching. */
function sendFeed(response: ServerResponse, feed: Feed): void {
  response.flushHeaders();
  const stop = feed({ send: (line) => response.write(line), end: () => response.end() });
  response.on('close', stop);
}

async function requestOf(message: IncomingMessage): Promise<CannedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  const { pathname: path, searchParams: query } = new URL(message.url ?? '/', 'https://localhost');
  return { method: message.method ?? 'GET', path, query, body: Buffer.concat(chunks).toString() };
}
