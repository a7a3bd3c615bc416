import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Condition } from '../rollout/plans.ts';
import { ProblemError } from './problem.ts';

/** Sets the entity tag and compares it weakly with `If-None-Match` (RFC 9110 section 13.1.2). */
export function isUnchanged(request: FastifyRequest, reply: FastifyReply, version: number): boolean {
  const tag = tagOf(version);
  reply.header('etag', tag);
  const known = (request.headers['if-none-match'] ?? '')
    .split(',')
    .map((one) => one.trim().replace(/^W\//, ''));
  return known.includes(tag) || known.includes('*');
}

/** The entity tag of a version: the number in quotes. */
export function tagOf(version: number): string {
  return `"${version}"`;
}

/**
 * What a write demands of what is there: `If-Match` with versions or `*`, or `If-None-Match: *`. Entity tags are
 * compared strongly (RFC 9110 section 13.1.1), so a weak one never matches. Throws a problem when it cannot be read.
 */
export function conditionOf(headers: FastifyRequest['headers']): Condition {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*' && match === undefined) return { kind: 'absent' };
    throw unreadable('if-none-match', 'a write takes it as * alone, which creates and never replaces');
  }
  if (match === undefined) return { kind: 'none' };
  if (match.trim() === '*') return { kind: 'version', oneOf: null };
  return { kind: 'version', oneOf: match.split(',').flatMap(versionIn) };
}

function versionIn(written: string): number[] {
  const tag = /^\s*(W\/)?"([\x21\x23-\x7e]*)"\s*$/.exec(written);
  if (tag === null)
    throw unreadable('if-match', 'write the ETag that you read, quotes included, such as "3"');
  const [, weak, version = ''] = tag;
  return weak === undefined && /^[1-9]\d{0,8}$/.test(version) ? [Number(version)] : [];
}

function unreadable(header: string, detail: string): ProblemError {
  const errors = [{ pointer: header, code: 'invalid-format', detail }];
  return new ProblemError(
    'malformed-request',
    `The header ${header} is wrong: ${detail}. Nothing was done.`,
    {
      errors,
    },
  );
}
