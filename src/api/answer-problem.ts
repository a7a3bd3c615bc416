import type { Socket } from 'node:net';
import type { ConnectionError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode, UnreadableRollout } from '../errors.ts';
import { ProblemError, problemBody, problemHeaders } from './problem.ts';
import { problemKinds, type Slug } from './problems.ts';
import { unreadableProblem } from './quarantine-wire.ts';

/** Answers whatever went wrong with a problem, whose text never comes from a surprise. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  const { status } = problemKinds[problem.slug];
  if (status >= 500) logFailure(error, problem, request);
  const body = problemBody(problem, pathOf(request), request.id);
  return reply
    .code(status)
    .headers({ ...safetyHeaders(request.id), ...problemHeaders(problem) })
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(body));
}

/** Headers of every answer: nothing here is for caches or for guessing browsers. */
export function safetyHeaders(requestId: string): Record<string, string> {
  return {
    'x-request-id': requestId,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
  };
}

/** The path of a request without its query. */
export function pathOf(request: Pick<FastifyRequest, 'url'>): string {
  return request.url.split('?', 1)[0] ?? request.url;
}

/** Answers bytes that Node could not read as HTTP, where no request and no reply exist; then closes. */
export function answerBrokenHttp(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const problem = brokenHttp(error.code);
  const { status } = problemKinds[problem.slug];
  const body = JSON.stringify(problemBody(problem, '', 'none'));
  const head = [
    `HTTP/1.1 ${status} ${statusTexts[status] ?? 'Bad Request'}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const statusTexts: Record<number, string> = {
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function brokenHttp(code: string): ProblemError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ProblemError('headers-too-large', 'The headers exceed 16 KB.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ProblemError('request-timeout', 'The request did not arrive in time.');
  }
  return new ProblemError('malformed-request', 'This is not an HTTP/1.1 request.');
}

const databaseDown: { slug: Slug; detail: string } = {
  slug: 'database-unavailable',
  detail: 'The database does not answer. Rollouts are not changed by this request.',
};
const unexpected: { slug: Slug; detail: string } = {
  slug: 'internal',
  detail: 'The request failed for a reason that is not yours; the log has it under the requestId.',
};

const surprises: Record<ErrorCode, { slug: Slug; detail: string }> = {
  databaseUnavailable: databaseDown,
  databaseTimeout: databaseDown,
  corruptRow: unexpected,
  configuration: unexpected,
  migration: unexpected,
  fenced: unexpected,
};

const frameworkFaults: Record<string, { slug: Slug; detail: string }> = {
  FST_ERR_BAD_URL: {
    slug: 'malformed-request',
    detail: 'The path has a percent-encoding that means nothing.',
  },
  FST_ERR_MAX_PARAM_LENGTH: { slug: 'uri-too-long', detail: 'A part of the path is longer than any id.' },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    slug: 'payload-too-large',
    detail: 'A body has at most 64 KB, and that of the hook for Alertmanager at most 1 MB.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    slug: 'unsupported-media-type',
    detail: 'Bodies are JSON: send Content-Type: application/json.',
  },
  FST_ERR_HANDLER_TIMEOUT: {
    slug: 'service-timeout',
    detail: 'No answer was ready in time. A command may still have been carried out.',
  },
};

function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof UnreadableRollout) return unreadableProblem(error);
  const { slug, detail } = error instanceof AppError ? surprises[error.code] : faultOf(error);
  return new ProblemError(slug, detail);
}

function faultOf(error: unknown): { slug: Slug; detail: string } {
  if (!(error instanceof Error)) return unexpected;
  const known = 'code' in error ? frameworkFaults[String(error.code)] : undefined;
  if (known !== undefined) return known;
  const status = 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status < 400 || status >= 500) return unexpected;
  return { slug: 'malformed-request', detail: 'The request could not be read to its end.' };
}

/** An error means that a person must act. A problem without a cause has said all there is to say. */
function logFailure(error: unknown, problem: ProblemError, request: FastifyRequest): void {
  const facts = { problem: problem.slug, err: error };
  if (problem.slug === 'internal') request.log.error(facts, 'request failed');
  else if (error !== problem || problem.cause !== undefined)
    request.log.warn(facts, 'request could not be served');
}
