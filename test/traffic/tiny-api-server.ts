import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { stringify } from 'yaml';

/** An API server that answers what a test tells it to. */
export type TinyApiServer = {
  kubeconfig: string;
  url: string;
  /** Method and URL of every request, in order. */
  requests: string[];
  /** The Authorization header of every request, in order. */
  credentials: (string | undefined)[];
  /** How many connections were opened. */
  connections(): number;
  close(): Promise<void>;
};

/** Starts it on a free loopback port, without TLS. */
export async function startTinyApiServer(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<TinyApiServer> {
  const requests: string[] = [];
  const credentials: (string | undefined)[] = [];
  let opened = 0;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    credentials.push(request.headers.authorization);
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => answer(request, response, body));
  });
  server.on('connection', () => {
    opened += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const url = `http://127.0.0.1:${port}`;
  return {
    kubeconfig: kubeconfigFor(url, 'a-token'),
    url,
    requests,
    credentials,
    connections: () => opened,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function kubeconfigFor(server: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'tiny', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'tester', user: { token } }],
    contexts: [{ name: 'tiny', context: { cluster: 'tiny', user: 'tester' } }],
    'current-context': 'tiny',
  });
}

export function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function text(response: ServerResponse, code: number, body: string, type = 'text/plain'): void {
  response.writeHead(code, { 'content-type': type }).end(body);
}
