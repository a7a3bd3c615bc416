import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type RequestOptions, request as sendRequest } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { makeCertificate } from '../../src/sandbox/certificate.ts';
import { listen } from '../../src/sandbox/listen.ts';

/** A way to the cluster that leads into the namespaces of one run only; what asks for anything else is refused and written down. */
export type Fence = {
  url: string;
  ca: string;
  token: string;
  /** Kubeconfig that leads through the fence, as YAML text. */
  kubeconfig: string;
  requests: readonly FencedRequest[];
  close(): Promise<void>;
};

export type FencedRequest = { method: string; path: string; passed: boolean };

/** Opens the fence on a free loopback port. Only who knows its token may use the cluster's credentials through it. */
export async function openFence(config: KubeConfig, namespaces: readonly string[]): Promise<Fence> {
  const { ca, cert, key } = await makeCertificate();
  const token = randomBytes(16).toString('hex');
  const requests: FencedRequest[] = [];
  const server = createServer({ cert: `${cert}\n${ca}`, key }, (message, response) => {
    const pass = async () => {
      const body = await readBody(message);
      const request = { method: message.method ?? 'GET', path: message.url ?? '/' };
      const isKnown = message.headers.authorization === `Bearer ${token}`;
      const passed = isKnown && isInside(request, body, namespaces);
      requests.push({ ...request, passed });
      if (passed) await forward(config, message, body, response);
      else refuse(response, `${request.method} ${request.path} leads out of ${namespaces.join(' and ')}`);
    };
    pass().catch((cause) => refuse(response, String(cause)));
  });
  const { port, close } = await listen(server);
  const url = `https://127.0.0.1:${port}`;
  return { url, ca, token, kubeconfig: kubeconfigOf({ url, ca, token }), requests, close };
}

/** Whether a request touches one of these namespaces and nothing else. */
export function isInside(
  { method, path }: { method: string; path: string },
  body: string,
  namespaces: readonly string[],
): boolean {
  const [place = ''] = path.split('?');
  const isOneOf = (name: unknown) => namespaces.some((one) => one === name);
  if (place === '/api/v1/namespaces') return method === 'POST' && isOneOf(nameIn(body));
  // An escaped or relative step could name something else than it seems to.
  if (/%|\/\/|\/\.\.?(\/|$)/.test(place)) return false;
  if (namespaces.some((one) => place === `/api/v1/namespaces/${one}`))
    return ['GET', 'DELETE'].includes(method);
  const inside = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)\/namespaces\/([^/]+)\/[^/]+/.exec(place);
  return isOneOf(inside?.[1]);
}

function nameIn(body: string): unknown {
  try {
    return Object(Object(JSON.parse(body)).metadata).name;
  } catch {
    return undefined;
  }
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

async function forward(
  config: KubeConfig,
  message: IncomingMessage,
  body: string,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', headers, url = '/' } = message;
  const kept = ['accept', 'content-type', 'user-agent'].flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, String(value)]];
  });
  const length = body === '' ? {} : { 'content-length': Buffer.byteLength(body) };
  const options = { method, headers: { ...Object.fromEntries(kept), ...length } };
  const answer = await sendTo(config, url, options, body);
  response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? '' });
  answer.pipe(response);
}

/** Sends a request to the cluster itself with its credentials, past any fence. */
export async function sendTo(
  config: KubeConfig,
  path: string,
  options: RequestOptions,
  body: string,
): Promise<IncomingMessage> {
  const own: RequestOptions = { headers: { ...options.headers } };
  await config.applyToHTTPSOptions(own);
  const headers = { ...options.headers, ...own.headers };
  const server = (config.getCurrentCluster()?.server ?? '').replace(/\/$/, '');
  const signal = AbortSignal.timeout(30_000);
  const sent = sendRequest(`${server}${path}`, { ...own, ...options, headers, signal });
  sent.end(body === '' ? undefined : body);
  const [answer] = await once(sent, 'response');
  return answer;
}

function refuse(response: ServerResponse, message: string): void {
  if (response.headersSent) return void response.destroy();
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
  response.writeHead(403, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ ...status, reason: 'Forbidden', message, code: 403 }));
}

function kubeconfigOf({ url, ca, token }: { url: string; ca: string; token: string }): string {
  const authority = Buffer.from(ca).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fence', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [{ name: 'fence', user: { token } }],
    contexts: [{ name: 'fence', context: { cluster: 'fence', user: 'fence' } }],
    'current-context': 'fence',
  });
}
