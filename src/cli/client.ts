import { z } from 'zod';
import { codeOf } from '../errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { complain, type Terminal, wrapped } from './terminal.ts';

type Call = {
  method: 'GET' | 'POST';
  path: string;
  query?: string;
  body?: { text: string; media: 'application/json' | 'application/yaml' };
};

export type Answer = { status: number; body: unknown };

/** An answer, or the exit code of a command that cannot go on; then the reason has been said. */
export type Asked = { kind: 'answered'; answer: Answer } | { kind: 'failed'; exit: ExitCode };

const usualUrl = 'http://127.0.0.1:8080';
/** Above the 20 seconds that the server gives itself. */
const deadlineMs = 25_000;

const Problem = z.looseObject({
  detail: z.string(),
  errors: z.array(z.looseObject({ pointer: z.string(), detail: z.string() })).optional(),
});

/** Asks the server; says why when there is no answer, or one that means that nobody is signed in. */
export async function ask(terminal: Terminal, call: Call): Promise<Asked> {
  const base = baseOf(terminal);
  const token = tokenOf(terminal);
  if (base === null) return { kind: 'failed', exit: exitCodes.usage };
  if (token === null) return { kind: 'failed', exit: exitCodes.notSignedIn };
  const answer = await send(below(base, call), token, call);
  if ('why' in answer) {
    complain(
      terminal,
      `no answer from ${base.origin}: ${answer.why}. Rollouts go on without it.`,
      `see that canaryd runs there (curl ${base.origin}/healthz), or set CANARYD_URL`,
    );
    return { kind: 'failed', exit: exitCodes.unreachable };
  }
  if (answer.status === 401 || answer.status === 403) {
    complain(terminal, `${base.origin} does not take this token.`, 'set CANARYD_TOKEN to a valid one');
    return { kind: 'failed', exit: exitCodes.notSignedIn };
  }
  return { kind: 'answered', answer };
}

/** Says what the server refused, fault by fault, and gives the exit code for it. */
export function refused(terminal: Terminal, what: string, { status, body }: Answer): ExitCode {
  const problem = Problem.safeParse(body);
  if (!problem.success) {
    complain(
      terminal,
      `${what}: the answer (${status}) is not one of canaryd.`,
      'see what CANARYD_URL leads to',
    );
    return status >= 500 ? exitCodes.unreachable : exitCodes.unexpected;
  }
  sayProblem(terminal, what, problem.data);
  if (status >= 500 || status === 429) return exitCodes.unreachable;
  return status === 409 || status === 412 ? exitCodes.conflict : exitCodes.invalid;
}

/** Each sentence once: a fault of the whole file stands in the summary already. */
function sayProblem(
  terminal: Terminal,
  what: string,
  { detail, errors = [] }: z.output<typeof Problem>,
): void {
  const said = inFile(detail);
  complain(terminal, `${what}: ${printable(said)}`);
  for (const fault of errors) {
    if (!said.includes(fault.detail)) terminal.err(faultLine(fault.pointer, fault.detail));
  }
}

/** What the server calls a body is a file to whoever types a command. */
function inFile(detail: string): string {
  return detail.replace(/^The body\b/, 'the file');
}

/** A fault with its place, as one paragraph. */
export function faultLine(pointer: string, detail: string): string {
  const place = pointer === '' ? '' : `${printable(pointer)}  `;
  return `${wrapped(`  ${place}${printable(detail)}`, 6)}\n`;
}

/** Text of others without what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{FFFD}');
}

function baseOf(terminal: Terminal): URL | null {
  const written = terminal.env['CANARYD_URL'] || usualUrl;
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '')
    return url;
  complain(terminal, 'CANARYD_URL is no URL.', `export CANARYD_URL=${usualUrl}`);
  return null;
}

/** The address of a path; a server may live under a path of its own. Never another host, whatever the parts hold. */
function below(base: URL, { path, query = '' }: Call): URL {
  const url = new URL(base.origin);
  url.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`;
  url.search = query;
  return url;
}

function tokenOf(terminal: Terminal): string | null {
  const token = terminal.env['CANARYD_TOKEN'] ?? '';
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  const what = token === '' ? 'you are not signed in.' : 'CANARYD_TOKEN has a character that no token has.';
  complain(terminal, what, 'export CANARYD_TOKEN=<a token from the configuration of canaryd>');
  return null;
}

async function send(url: URL, token: string, { method, body }: Call): Promise<Answer | { why: string }> {
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': body.media }),
  };
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const options = { method, headers, signal, redirect: 'error' as const };
    const response = await fetch(url, body === undefined ? options : { ...options, body: body.text });
    return { status: response.status, body: jsonIn(await response.text()) };
  } catch (error) {
    return { why: whyNot(error) };
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  if (error.name === 'TimeoutError') return `nothing within ${deadlineMs / 1000} seconds`;
  return codeOf(error.cause) ?? 'the connection failed';
}
