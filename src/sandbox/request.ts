import { findResourceType, type ResourceType } from './resources.ts';

/** A parsed URL path: a resource (known or not), or something else such as `/version`. */
export type Target =
  | ({ kind: 'resource'; type: ResourceType | null; group: string; version: string; plural: string } & Place)
  | { kind: 'other'; path: string };

type Place = { namespace: string; name: string; subresource: string };

/** Everything a handler needs to know about a request. */
export type ApiRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  body: string;
  contentType: string;
  userAgent: string;
};

/** Reads `/apis/<group>/<version>[/namespaces/<ns>]/<plural>[/<name>[/<subresource>]]` and its core form `/api/v1/…`. */
export function parseTarget(path: string): Target {
  const steps = path.split('/').slice(1).map(decodeStep);
  const isCore = steps[0] === 'api';
  const [group, version, ...rest] = isCore ? ['', ...steps.slice(1)] : steps.slice(1);
  const isResource = (isCore || steps[0] === 'apis') && rest.length > 0 && rest[0] !== '';
  if (!isResource || group === undefined || version === undefined) return { kind: 'other', path };
  const { plural, ...place } = placeOf(rest);
  return {
    kind: 'resource',
    type: findResourceType(group, version, plural),
    group,
    version,
    plural,
    ...place,
  };
}

function placeOf(rest: readonly string[]): Place & { plural: string } {
  // `/namespaces/x` alone is the namespace itself, and `/namespaces/x/status` its subresource.
  const isNamespaced = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status';
  const [plural = '', name = '', subresource = ''] = isNamespaced ? rest.slice(2) : rest;
  return { namespace: isNamespaced ? (rest[1] ?? '') : '', plural, name, subresource };
}

function decodeStep(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

export function isWatch(request: ApiRequest): boolean {
  return ['1', 'true'].includes(request.query.get('watch') ?? '');
}

/**
 * Reads a request's URL. The old form of a watch, `/apis/<group>/<version>/watch/…` or `/api/v1/watch/…`, becomes the
 * path it is about with `watch=true`.
 */
export function readUrl(url: string): { path: string; query: URLSearchParams } {
  const [given = '/', text = ''] = url.split('?', 2);
  const query = new URLSearchParams(text);
  const path = given.replace(/^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)\/watch\//, '$1/');
  if (path !== given) query.set('watch', 'true');
  return { path, query };
}

/** The RBAC verb of a request. */
export function verbOf(method: string, hasName: boolean, isWatch: boolean): string {
  if (method === 'GET' && !hasName) return isWatch ? 'watch' : 'list';
  const verbs: Record<string, string> = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch' };
  if (method === 'DELETE') return hasName ? 'delete' : 'deletecollection';
  return verbs[method] ?? method.toLowerCase();
}

/** Who a write is attributed to: `fieldManager`, else the user agent up to its first slash, else `unknown`. */
export function fieldManagerOf(request: ApiRequest): string {
  const named = request.query.get('fieldManager');
  if (named !== null && named !== '') return named;
  const agent = request.userAgent.split('/')[0] ?? '';
  return agent === '' ? 'unknown' : agent;
}
