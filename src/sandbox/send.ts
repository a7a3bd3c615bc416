import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { textAt } from './json.ts';
import type { Feed, Reply } from './status.ts';

/** Sends a reply; a feed stays open until it ends, the client goes, or `isDown` says that the server is gone. */
export function send(response: ServerResponse, reply: Reply, isDown: () => boolean = () => false): void {
  const headers = {
    'audit-id': randomUUID(),
    'cache-control': 'no-cache, private',
    'content-type': 'application/json',
    ...priorityHeaders(reply),
    ...reply.headers,
  };
  if (reply.feed !== undefined) {
    response.writeHead(reply.status, headers);
    sendFeed(response, reply.feed, isDown);
    return;
  }
  const text = typeof reply.body === 'string' ? reply.body : `${JSON.stringify(reply.body)}\n`;
  response.writeHead(reply.status, { ...headers, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Events as lines of JSON. The headers go first: a client waits for them before it counts as watching. */
function sendFeed(response: ServerResponse, feed: Feed, isDown: () => boolean): void {
  response.flushHeaders();
  const stop = feed({
    send: (event) => {
      if (isDown()) response.destroy();
      else response.write(`${JSON.stringify(event)}\n`);
    },
    end: () => response.end(),
  });
  // A server that is gone drops its watches, those without news included.
  const check = setInterval(() => {
    if (isDown()) response.destroy();
  }, downEveryMs);
  check.unref();
  response.on('close', () => {
    clearInterval(check);
    stop();
  });
}

const downEveryMs = 100;

/** The flow-control headers; an answer given before flow control (401, 429) lacks them. */
function priorityHeaders(reply: Reply): Record<string, string> {
  const isEarly = reply.status === 401 || (reply.status === 429 && textAt(reply.body, 'kind') === '');
  if (isEarly) return {};
  return {
    'x-kubernetes-pf-flowschema-uid': '8f9e0d2c-6b5a-4c3d-9e1f-0a1b2c3d4e5f',
    'x-kubernetes-pf-prioritylevel-uid': '1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d',
  };
}
