import type { FastifyInstance, FastifyRequest } from 'fastify';
import { jsonFault } from './json-fault.ts';
import { ProblemError } from './problem.ts';
import { parseYaml } from './yaml-body.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The bytes of the body as they came; null when there was none. */
    rawBody: Buffer | null;
  }
  interface FastifyContextConfig {
    /** True where a body may be YAML, too: what people keep in files. */
    takesYaml?: boolean;
  }
}

/** Keys that could reach an object's prototype. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);
const keysAndBraces = /"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}]/g;

/**
 * Bodies are JSON in UTF-8, or YAML where a route takes it, and nothing else. An empty body of any type is no body, so
 * that an emergency `curl -X POST` (also with `-d ''`) works.
 */
export function acceptOnlyJson(app: FastifyInstance): void {
  app.decorateRequest('rawBody', null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, bodyOf(request, Buffer.from(body)));
    } catch (error) {
      done(error instanceof Error ? error : new Error('unreadable body', { cause: error }));
    }
  });
}

/** A body that a route needs and did not get is named as missing; where it may be left out it is `{}`. */
export function settleMissingBody(app: FastifyInstance): void {
  app.addHook('preValidation', async (request) => {
    if (request.rawBody !== null || request.routeOptions.schema?.body === undefined) return;
    const { bodyOptional, lenient } = request.routeOptions.config;
    if (bodyOptional !== true && lenient === undefined) {
      throw new ProblemError('malformed-request', 'The body is empty: send a JSON object.');
    }
    request.body = {};
  });
}

/** Where going back needs no body, one that cannot be read is none; see `leaveOutWrongParts`. */
function bodyOf(request: FastifyRequest, body: Buffer): unknown {
  const { lenient, bodyOptional } = request.routeOptions.config;
  if (lenient === undefined) return readBody(request, body);
  try {
    return readLeniently(request, body);
  } catch (error) {
    if (bodyOptional !== true || !(error instanceof ProblemError)) throw error;
    request.bodyWarning = error.message;
    return {};
  }
}

/** In an emergency the type of a body is what it turns out to be: `curl -d` calls JSON a form. */
function readLeniently(request: FastifyRequest, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  request.rawBody = body;
  if (hasEncoding(request)) throw new ProblemError('unsupported-media-type', jsonOnly);
  return parseStrictly(body);
}

function readBody(request: FastifyRequest, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  request.rawBody = body;
  const takesYaml = request.routeOptions.config.takesYaml === true;
  const media = mediaOf(request.headers['content-type'] ?? '');
  if (hasEncoding(request) || media === null || (media === 'yaml' && !takesYaml)) {
    throw new ProblemError('unsupported-media-type', takesYaml ? jsonOrYaml : jsonOnly);
  }
  return media === 'json' ? parseStrictly(body) : parseYaml(decode(body), forbiddenKeys);
}

const jsonOnly = 'Bodies are JSON: send Content-Type: application/json.';
const jsonOrYaml = 'Bodies are JSON or YAML: send Content-Type: application/json or application/yaml.';

/** RFC 8259 and RFC 9512, in UTF-8. */
function mediaOf(contentType: string): 'json' | 'yaml' | null {
  const written = /^application\/(json|yaml)\s*(?:;\s*charset="?utf-8"?\s*)?;?\s*$/i.exec(contentType)?.[1];
  if (written === undefined) return null;
  return written.toLowerCase() === 'json' ? 'json' : 'yaml';
}

function hasEncoding(request: FastifyRequest): boolean {
  const encoding = request.headers['content-encoding'];
  return encoding !== undefined && encoding !== 'identity';
}

/** Parses JSON and refuses what a parser would silently repair: bad UTF-8, repeated keys, keys of prototypes. */
function parseStrictly(body: Buffer): unknown {
  const text = decode(body);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw notJson(text);
  }
  refuseKeys(text);
  return parsed;
}

function notJson(text: string): ProblemError {
  const at = jsonFault(text);
  if (at === null) return new ProblemError('malformed-request', 'The body is not valid JSON.');
  const where = `line ${at.line}, column ${at.column}`;
  const errors = [{ pointer: '', code: 'json', detail: `${where}: not JSON from here on` }];
  return new ProblemError('malformed-request', `The body is not valid JSON at ${where}.`, { errors });
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new ProblemError('malformed-request', 'The body is not UTF-8.');
  }
}

/** In valid JSON a string before a colon is a key of the innermost open object. */
function refuseKeys(json: string): void {
  const open: Set<string>[] = [];
  for (const [token] of json.matchAll(keysAndBraces)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token.endsWith(':')) refuseKey(keyOf(token), open.at(-1) ?? new Set());
  }
}

function keyOf(token: string): string {
  return String(JSON.parse(token.slice(0, -1)));
}

function refuseKey(key: string, seen: Set<string>): void {
  if (forbiddenKeys.has(key)) throw new ProblemError('forbidden-key', `The key "${key}" is not allowed.`);
  if (seen.has(key)) throw new ProblemError('forbidden-key', 'A key is written twice in one object.');
  seen.add(key);
}
