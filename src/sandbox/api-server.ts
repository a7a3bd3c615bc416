import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { accessReviewPath } from './access-review.ts';
import { authenticate, forbidden, type User, unauthorized } from './auth.ts';
import { makeCertificate } from './certificate.ts';
import { type After, afterRealTime } from './clock.ts';
import {
  type AnsweredFault,
  addLatency,
  type FaultControl,
  faultReply,
  isUnserved,
  type PatchFault,
  takePatchFault,
} from './faults.ts';
import { listen } from './listen.ts';
import { staleVersion } from './replies.ts';
import { type ApiRequest, fieldManagerOf, parseTarget, readUrl } from './request.ts';
import { attemptOf, route } from './router.ts';
import { send } from './send.ts';
import { failure, pageNotFound, type Reply } from './status.ts';
import type { ObjectStore } from './store.ts';

/** One write request and what became of it; `status` 0 means that it was never answered. */
export type WriteRecord = {
  at: Date;
  user: string;
  manager: string;
  method: string;
  path: string;
  body: string;
  status: number;
  /** Whether the object was stored, whatever the client was told. */
  applied: boolean;
};

export type ApiServer = {
  url: string;
  /** The authority's certificate, PEM. */
  ca: string;
  writes: readonly WriteRecord[];
  close(): Promise<void>;
};

type ApiServerOptions = {
  store: ObjectStore;
  /** Read at every request: users may be added, changed or removed while the server runs. */
  users: readonly User[];
  control: FaultControl;
  now: () => Date;
  /** Ends watches and empties namespaces; the real clock when absent. */
  after?: After;
};

const bodyLimitBytes = 3_145_728;

/** Starts the simulated API server on a free loopback port, over TLS with a certificate of its own authority. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { ca, cert, key } = await makeCertificate();
  const writes: WriteRecord[] = [];
  const server = createServer({ cert: `${cert}\n${ca}`, key }, (message, response) => {
    serve(options, writes, message, response).catch(() => response.destroy());
  });
  const { port, close } = await listen(server);
  return { url: `https://127.0.0.1:${port}`, ca, writes, close };
}

async function serve(
  options: ApiServerOptions,
  writes: WriteRecord[],
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { faults } = options.control;
  if (faults.apiDown) return void message.socket.destroy();
  const body = await readBody(message);
  await addLatency(faults);
  const user = authenticate(message.headers.authorization, options.users);
  if (user === null) return send(response, unauthorized());
  if (body === null) return send(response, tooLarge());
  const request = readRequest(message, body);
  if (isUnserved(faults, request.path)) return send(response, pageNotFound());
  const end = await handle(options, user, request);
  if (isWrite(request)) writes.push(recordOf(options, user, request, end));
  if (end.kind === 'reply') return send(response, end.reply, () => faults.apiDown);
  if (end.kind === 'reset') message.socket.destroy();
}

/** A question about rights is asked by POST and stores nothing. */
function isWrite({ method, path }: ApiRequest): boolean {
  return method !== 'GET' && path !== accessReviewPath;
}

/** How a request ends; `applied` is the answer the client would have got from a write that went through. */
type Ending =
  | { kind: 'reply'; reply: Reply }
  | { kind: 'reset'; applied: Reply | null }
  | { kind: 'silence'; applied: Reply | null };

async function handle(options: ApiServerOptions, user: User, request: ApiRequest): Promise<Ending> {
  const fault = request.method === 'PATCH' ? takePatchFault(options.control.faults) : null;
  if (fault === 'hold') await options.control.hold();
  const { store, now, after = afterRealTime } = options;
  const cluster = { store, now, after, webhook: () => options.control.faults.webhook };
  const process = () => route(cluster, user, request);
  return endingOf(fault, process, (answered) => refusalOf(answered, user, request));
}

function endingOf(
  fault: PatchFault | null,
  process: () => Reply,
  refusal: (fault: AnsweredFault) => Reply,
): Ending {
  switch (fault) {
    case null:
    case 'hold':
      return { kind: 'reply', reply: process() };
    case 'hang':
      return { kind: 'silence', applied: null };
    case 'hangAfterApply':
      return { kind: 'silence', applied: process() };
    case 'resetBeforeApply':
      return { kind: 'reset', applied: null };
    case 'resetAfterApply':
      return { kind: 'reset', applied: process() };
    default:
      return { kind: 'reply', reply: refusal(fault) };
  }
}

function refusalOf(fault: AnsweredFault, user: User, request: ApiRequest): Reply {
  const target = parseTarget(request.path);
  if (target.kind === 'other' || target.type === null) return pageNotFound();
  const { type, namespace, name } = target;
  const deny = () => forbidden(user, attemptOf(target, request));
  return faultReply(fault, deny, () => staleVersion({ type, namespace, name }));
}

function recordOf({ now }: ApiServerOptions, user: User, request: ApiRequest, end: Ending): WriteRecord {
  const { method, path, body } = request;
  const done = end.kind === 'reply' ? end.reply : end.applied;
  const isDryRun = request.query.get('dryRun') === 'All';
  const applied = done !== null && done.status < 300 && !isDryRun;
  const status = end.kind === 'reply' ? end.reply.status : 0;
  return {
    at: now(),
    user: user.name,
    manager: fieldManagerOf(request),
    method,
    path,
    body,
    status,
    applied,
  };
}

function readRequest(message: IncomingMessage, body: string): ApiRequest {
  return {
    method: message.method ?? 'GET',
    ...readUrl(message.url ?? '/'),
    body,
    contentType: message.headers['content-type'] ?? '',
    userAgent: message.headers['user-agent'] ?? '',
  };
}

/** The body as text, or null when it is over the limit; the rest of it is read and dropped so that we can answer. */
async function readBody(message: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size <= bodyLimitBytes) chunks.push(bytes);
  }
  return size > bodyLimitBytes ? null : Buffer.concat(chunks).toString();
}

function tooLarge(): Reply {
  const message = `Request entity too large: limit is ${bodyLimitBytes}`;
  return failure({ code: 413, reason: 'RequestEntityTooLarge', message });
}
