import { type JsonObject, textAt } from './json.ts';
import { notFound, present } from './replies.ts';
import type { ApiRequest } from './request.ts';
import { apiVersionOf, type ResourceType } from './resources.ts';
import { parseLabelSelector } from './selectors.ts';
import { answer, badRequest, failure, type Reply } from './status.ts';
import type { ObjectKey, ObjectStore } from './store.ts';

/** GET of one object; `status` answers the same object. */
export function getObject(store: ObjectStore, key: ObjectKey, version: string, request: ApiRequest): Reply {
  const wrong = versionFault(store, request, 'get');
  if (wrong !== null) return wrong;
  const stored = store.get(key);
  return stored === null ? notFound(key) : answer(200, present(stored, key.type, version));
}

/** LIST of a namespace, or of every namespace when it is empty. A namespace that does not exist has no objects. */
export function listObjects(
  store: ObjectStore,
  place: { type: ResourceType; namespace: string },
  version: string,
  request: ApiRequest,
): Reply {
  if (isWatch(request)) return watchRefused();
  const wrong = versionFault(store, request, 'list');
  if (wrong !== null) return wrong;
  const labelSelector = request.query.get('labelSelector') ?? '';
  const matchesLabels = parseLabelSelector(labelSelector);
  if (matchesLabels === null) return badRequest(`unable to parse requirement: ${labelSelector}`);
  const matchesFields = parseFieldSelector(request.query.get('fieldSelector') ?? '');
  if (typeof matchesFields === 'string') return badRequest(`field label not supported: ${matchesFields}`);
  const { type, namespace } = place;
  const all = store.list(type, namespace === '' ? undefined : namespace);
  const page = pageOf(all.filter(matchesLabels).filter(matchesFields), request);
  if (page === null) return badRequest('invalid continue token: continue key is not valid');
  const items = page.items.map((item) => present(item, type, version));
  const metadata: JsonObject = { resourceVersion: String(store.version()), ...page.metadata };
  return answer(200, { apiVersion: apiVersionOf(type, version), kind: `${type.kind}List`, metadata, items });
}

export function isWatch(request: ApiRequest): boolean {
  return ['1', 'true'].includes(request.query.get('watch') ?? '');
}

/** The sandbox has no watch; a client that asks for one is told so instead of being left without events. */
function watchRefused(): Reply {
  const message = 'the sandbox does not serve watches';
  return failure({ code: 405, reason: 'MethodNotAllowed', message });
}

function versionFault(store: ObjectStore, request: ApiRequest, verb: 'get' | 'list'): Reply | null {
  const asked = request.query.get('resourceVersion') ?? '';
  if (asked !== '' && !/^\d+$/.test(asked)) {
    const cause = `resourceVersion: Invalid value: "${asked}": strconv.ParseUint: parsing "${asked}": invalid syntax`;
    return verb === 'get'
      ? failure({ code: 500, message: cause })
      : badRequest(`invalid resource version: ${cause}`);
  }
  if (Number(asked) <= store.version()) return null;
  const message = `Timeout: Too large resource version: ${asked}, current: ${store.version()}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  const reply = failure({ code: 504, reason: 'Timeout', message, details: { causes, retryAfterSeconds: 1 } });
  return { ...reply, headers: { ...reply.headers, 'retry-after': '1' } };
}

/** A predicate over name and namespace, or the name of a field that cannot be selected on. */
function parseFieldSelector(text: string): ((object: JsonObject) => boolean) | string {
  const parts = text === '' ? [] : text.split(',').map((part) => part.split(/==?/));
  const unsupported = parts.find(([field]) => field !== 'metadata.name' && field !== 'metadata.namespace');
  if (unsupported !== undefined) return unsupported[0] ?? text;
  return (object) => parts.every(([field = '', value]) => textAt(object, ...field.split('.')) === value);
}

type Page = { items: JsonObject[]; metadata: JsonObject };

/** Cuts a page by `limit`; the continue token is the position, encoded so that nobody reads it. Null: no such token. */
function pageOf(items: JsonObject[], request: ApiRequest): Page | null {
  const token = request.query.get('continue') ?? '';
  const decoded = Buffer.from(token, 'base64url').toString();
  if (token !== '' && !/^from:\d+$/.test(decoded)) return null;
  const start = token === '' ? 0 : Number(decoded.slice('from:'.length));
  const limit = Number(request.query.get('limit') ?? 0);
  const end = limit > 0 ? start + limit : items.length;
  const isLast = end >= items.length;
  const next = Buffer.from(`from:${end}`).toString('base64url');
  return {
    items: items.slice(start, end),
    metadata: isLast ? {} : { continue: next, remainingItemCount: items.length - end },
  };
}
