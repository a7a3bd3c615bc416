import { textAt } from './json.ts';
import { parseJson } from './write-body.ts';

/**
 * Where a list goes on: after the object `after`, at the version of its first page, or (`consistent: false`) in
 * whatever is there now. The form is that of kube-apiserver's tokens, which promise nothing about it.
 */
export type Continuation =
  | { consistent: true; version: number; after: string }
  | { consistent: false; after: string };

/** The token as text; clients only hand it back. */
export function writeToken(continuation: Continuation): string {
  const place = continuation.consistent
    ? { rv: continuation.version, start: `/${continuation.after}\0` }
    : { rv: -1, start: `${continuation.after}\0` };
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', ...place })).toString('base64url');
}

/** The continuation that a token means, or null when it is not a token. */
export function readToken(token: string): Continuation | null {
  const parsed = parseJson(Buffer.from(token, 'base64url').toString());
  const [start, version] = [textAt(parsed, 'start'), Object(parsed).rv];
  if (textAt(parsed, 'v') !== 'meta.k8s.io/v1' || !start.endsWith('\0')) return null;
  const after = start.replace(/^\//, '').slice(0, -1);
  if (version === -1) return { consistent: false, after };
  return Number.isInteger(version) && version > 0 ? { consistent: true, version, after } : null;
}
