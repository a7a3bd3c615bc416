import { type Continuation, readToken, writeToken } from './continue-token.ts';
import { type JsonObject, textAt } from './json.ts';
import { forbiddenListOption, readSelection, type Selection, versionMistake } from './list-options.ts';
import { notFound, present } from './replies.ts';
import type { ApiRequest } from './request.ts';
import { apiVersionOf, isCustom, type ObjectKey, type ResourceType } from './resources.ts';
import { answer, badRequest, failure, type Outcome, proceed, type Reply, refuse } from './status.ts';
import type { ObjectStore } from './store.ts';

/** The objects of a kind in a namespace, or in every namespace when it is empty. */
export type Place = { type: ResourceType; namespace: string };

/** GET of one object; `status` answers the same object. */
export function getObject(store: ObjectStore, key: ObjectKey, version: string, request: ApiRequest): Reply {
  const asked = request.query.get('resourceVersion') ?? '';
  const mistake = versionMistake(asked);
  if (mistake !== null) return failure({ code: 500, message: mistake });
  if (Number(asked) > store.version()) return versionTooLarge(asked, store);
  const stored = store.get(key);
  return stored === null ? notFound(key) : answer(200, present(stored, key.type, version));
}

/** LIST of a namespace, or of every namespace when it is empty. A namespace that does not exist has no objects. */
export function listObjects(store: ObjectStore, place: Place, version: string, request: ApiRequest): Reply {
  const selection = readSelection(request);
  if (!selection.ok) return selection.reply;
  const snapshot = snapshotFor(store, place, request);
  if (!snapshot.ok) return snapshot.reply;
  const { items, metadata } = pageOf(place, snapshot.value, selection.value, request);
  return answer(200, listObject(place.type, version, items, metadata));
}

/** A list as the API server writes it; `metadata` holds its version and where it goes on. */
export function listObject(
  type: ResourceType,
  version: string,
  objects: readonly JsonObject[],
  metadata: JsonObject,
): JsonObject {
  const items = objects.map((item) => present(item, type, version));
  return { apiVersion: apiVersionOf(type, version), kind: `${type.kind}List`, metadata, items };
}

/** The objects that a list is about, before selectors and pages; `after` is where the last page ended. */
type Snapshot = { objects: JsonObject[]; version: number; after: string };

function snapshotFor(store: ObjectStore, place: Place, request: ApiRequest): Outcome<Snapshot> {
  const refusal = versionRefusal(store, request);
  if (refusal !== null) return refuse(refusal);
  const token = request.query.get('continue') ?? '';
  if (token !== '') return continued(store, place, readToken(token));
  const isExact = request.query.get('resourceVersionMatch') === 'Exact';
  const version = isExact ? Number(request.query.get('resourceVersion')) : store.version();
  const objects = objectsAt(store, place, version);
  return objects === null ? refuse(expired(listTooOld, {})) : proceed({ objects, version, after: '' });
}

function continued(store: ObjectStore, place: Place, from: Continuation | null): Outcome<Snapshot> {
  if (from === null) return refuse(badRequest('invalid continue token: continue key is not valid'));
  const version = from.consistent ? from.version : store.version();
  const objects = objectsAt(store, place, version);
  if (objects !== null) return proceed({ objects, version, after: from.after });
  // The client may go on all the same: with this token, and with what changed in between.
  const token = writeToken({ consistent: false, after: from.after });
  return refuse(expired(continueTooOld, { continue: token }));
}

function objectsAt(store: ObjectStore, { type, namespace }: Place, version: number): JsonObject[] | null {
  return store.listAt(version, type, namespace === '' ? undefined : namespace);
}

function versionRefusal(store: ObjectStore, { query }: ApiRequest): Reply | null {
  const asked = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const forbid = (why: string) => forbiddenListOption('resourceVersionMatch', why);
  if (match !== '' && asked === '') {
    return forbid('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (match === 'Exact' && asked === '0') {
    return forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  const mistake = versionMistake(asked);
  if (mistake !== null) return badRequest(`invalid resource version: ${mistake}`);
  return Number(asked) > store.version() ? versionTooLarge(asked, store) : null;
}

function versionTooLarge(asked: string, store: ObjectStore): Reply {
  const message = `Timeout: Too large resource version: ${asked}, current: ${store.version()}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  const reply = failure({ code: 504, reason: 'Timeout', message, details: { causes, retryAfterSeconds: 1 } });
  return { ...reply, headers: { ...reply.headers, 'retry-after': '1' } };
}

const listTooOld = 'The resourceVersion for the provided list is too old.';
const continueTooOld =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

function expired(message: string, metadata: JsonObject): Reply {
  const reply = failure({ code: 410, reason: 'Expired', message });
  return { ...reply, body: { ...Object(reply.body), metadata } };
}

type Page = { items: JsonObject[]; metadata: JsonObject };

/** Cuts a page by `limit`. How much remains is told only where nothing is selected, as the API server does. */
function pageOf(
  place: Place,
  snapshot: Snapshot,
  { selects, isWhole }: Selection,
  { query }: ApiRequest,
): Page {
  const nameOf = (object: JsonObject) => nameIn(place, object);
  const rest = snapshot.objects.filter((object) => nameOf(object) > snapshot.after).filter(selects);
  const limit = Number(query.get('limit') ?? 0);
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const resourceVersion = String(snapshot.version);
  const last = items.at(-1);
  if (last === undefined || items.length === rest.length) {
    return { items, metadata: { ...(isCustom(place.type) ? { continue: '' } : {}), resourceVersion } };
  }
  const next = writeToken({ consistent: true, version: snapshot.version, after: nameOf(last) });
  const remaining = isWhole ? { remainingItemCount: rest.length - items.length } : {};
  return { items, metadata: { continue: next, ...remaining, resourceVersion } };
}

/** The name within the list, in the order of which lists come. */
function nameIn({ namespace }: Place, object: JsonObject): string {
  const name = textAt(object, 'metadata', 'name');
  return namespace === '' ? `${textAt(object, 'metadata', 'namespace')}/${name}` : name;
}
