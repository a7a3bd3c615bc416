import { at, isObject, type Json, type JsonObject, listAt, objectAt, textAt } from './json.ts';
import { fullHost, type ServiceSpec } from './mesh-spec.ts';

/** A request as the caller's sidecar sees it. Names of headers are in small letters. */
export type SimulatedRequest = { method: string; path: string; headers: Readonly<Record<string, string>> };

/** A request without anything special. */
export const plainRequest: SimulatedRequest = { method: 'GET', path: '/', headers: {} };

/** A request, and the service it is sent to by its caller in the mesh. */
export type Sent = { service: ServiceSpec; request: SimulatedRequest };

/** True when an http route takes the request: it has no match, or one of its blocks matches in all parts. */
export function isTaken(route: Json, sent: Sent): boolean {
  const matches = listAt(route, 'match');
  return matches.length === 0 || matches.some((match) => isObject(match) && isMatch(match, sent));
}

function isMatch(match: JsonObject, sent: Sent): boolean {
  return Object.entries(match).every(([field, wanted]) => conditions[field]?.(wanted, sent, match) ?? false);
}

type Holds = (wanted: Json, sent: Sent, match: JsonObject) => boolean;

/** By field of HTTPMatchRequest. Requests have no query; a field that is not listed matches nothing. */
const conditions: Record<string, Holds> = {
  name: () => true,
  statPrefix: () => true,
  ignoreUriCase: () => true,
  port: (wanted, { service }) => wanted === service.port,
  gateways: (wanted) => Array.isArray(wanted) && wanted.includes('mesh'),
  sourceNamespace: (wanted, { service }) => wanted === service.caller.namespace,
  sourceLabels: (wanted, { service: { caller } }) =>
    Object.entries(isObject(wanted) ? wanted : {}).every(
      ([label, value]) => value === { app: caller.workload, version: caller.version }[label],
    ),
  scheme: (wanted) => fits(wanted, 'http'),
  authority: (wanted, { service }) => fits(wanted, fullHost(service)),
  method: (wanted, { request }) => fits(wanted, request.method),
  uri: (wanted, { request }, match) => fits(wanted, request.path, match['ignoreUriCase'] === true),
  queryParams: (wanted) => !isObject(wanted) || Object.keys(wanted).length === 0,
  headers: (wanted, { request }) =>
    Object.entries(isObject(wanted) ? wanted : {}).every(([name, one]) => isCarried(request, name, one)),
  // A header that is missing counts as empty here, unless it only has to be absent.
  withoutHeaders: (wanted, { request }) =>
    Object.entries(isObject(wanted) ? wanted : {}).every(
      ([name, one]) =>
        !(isPresence(one)
          ? isCarried(request, name, one)
          : fits(one, request.headers[name.toLowerCase()] ?? '')),
    ),
};

function isCarried({ headers }: SimulatedRequest, name: string, wanted: Json): boolean {
  const value = headers[name.toLowerCase()];
  return value !== undefined && (isPresence(wanted) || fits(wanted, value));
}

/** Nothing said of the value, or the metacharacter "*" in the place of a regular expression. */
function isPresence(wanted: Json): boolean {
  return Object.keys(objectAt(wanted)).length === 0 || at(wanted, 'regex') === '*';
}

/** How Envoy matches a text; regular expressions match the whole of it, and know no `ignoreCase`. */
function fits(wanted: Json, text: string, ignoreCase = false): boolean {
  const inCase = (one: string) => (ignoreCase ? one.toLowerCase() : one);
  if (at(wanted, 'exact') !== undefined) return inCase(text) === inCase(textAt(wanted, 'exact'));
  if (at(wanted, 'prefix') !== undefined) return inCase(text).startsWith(inCase(textAt(wanted, 'prefix')));
  const regex = at(wanted, 'regex');
  return typeof regex !== 'string' || re2(regex).test(text);
}

/** JavaScript has no inline flag at the beginning; of the others RE2 and it agree on what is simulated here. */
function re2(regex: string): RegExp {
  const [, flags = '', rest = regex] = /^\(\?([is]+)\)([\s\S]*)$/.exec(regex) ?? [];
  return new RegExp(`^(?:${rest})$`, flags);
}
