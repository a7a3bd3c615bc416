import { at, type Json, type JsonObject, listAt, textAt } from './json.ts';
import { matchFaults } from './match-faults.ts';
import { badRequest, failure, type Reply } from './status.ts';

/**
 * The state of the validating webhook: `down` and `timeout` fail every write, `off` means none is registered, and
 * `sideEffects` is one that was registered without saying that it has none, so that dry runs are refused.
 */
export type WebhookMode = 'up' | 'off' | 'down' | 'timeout' | 'sideEffects';
type Review = { denial: Reply | null; warnings: string[] };

/**
 * What istiod's validating webhook says about an object that is about to be stored. It is asked for dry runs and for
 * patches that change nothing too. A denial is a 400 without a reason.
 *
 * Covers the rules of the recorded exchanges (weights, hosts, subsets, ports, mirrors, retries, route kinds), and those
 * of istiod's source for matches, mirrors and delegates.
 */
export function reviewByIstiod(object: JsonObject, mode: WebhookMode, isDryRun = false): Review {
  if (mode === 'sideEffects' && isDryRun) return { denial: notDryRun, warnings: [] };
  if (mode === 'off') return { denial: null, warnings: [] };
  if (mode === 'down' || mode === 'timeout') return { denial: unreachable(mode), warnings: [] };
  if (textAt(object, 'kind') === 'DestinationRule') return denyFirst(destinationRuleFaults(object));
  if (textAt(object, 'kind') !== 'VirtualService') return { denial: null, warnings: [] };
  return { ...denyFirst(virtualServiceFaults(object)), warnings: unreachableRouteWarnings(object) };
}

/** Answered by the API server, which does not call the webhook. */
const notDryRun = badRequest('admission webhook "rev.validation.istio.io" does not support dry run');

function denyFirst(faults: readonly string[]): Review {
  const reason = faults.length < 2 ? faults[0] : listed(faults);
  return { denial: reason === undefined ? null : denied(reason), warnings: [] };
}

/** Several faults are one Go multierror; some single ones are wrapped in it as well. */
function listed(faults: readonly string[]): string {
  const count = faults.length === 1 ? '1 error' : `${faults.length} errors`;
  return `${count} occurred:\n${faults.map((fault) => `\t* ${fault}\n`).join('')}\n`;
}

function denied(reason: string): Reply {
  const message = `admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: ${reason}`;
  return failure({ code: 400, message });
}

/** A webhook that cannot be reached: its failure policy is Fail, so the write is refused. */
export function unreachable(mode: 'down' | 'timeout'): Reply {
  const url = 'https://istiod.istio-system.svc:443/validate?timeout=10s';
  const cause =
    mode === 'down' ? 'dial tcp 10.96.0.15:443: connect: connection refused' : 'context deadline exceeded';
  const failed = `failed calling webhook "rev.validation.istio.io": failed to call webhook: Post "${url}": ${cause}`;
  const message = `Internal error occurred: ${failed}`;
  return failure({ code: 500, reason: 'InternalError', message, details: { causes: [{ message: failed }] } });
}

function virtualServiceFaults(object: JsonObject): string[] {
  const hosts = listAt(object, 'spec', 'hosts');
  const twice = hosts.find((host, index) => hosts.indexOf(host) < index);
  if (twice !== undefined) return [`duplicate hosts in virtual service: ${twice} & ${twice}`];
  const protocols = ['http', 'tcp', 'tls'].filter((name) => listAt(object, 'spec', name).length > 0);
  if (protocols.length === 0) return ['http, tcp or tls must be provided in virtual service'];
  return listAt(object, 'spec', 'http').flatMap(httpRouteFaults);
}

function httpRouteFaults(route: Json): string[] {
  const routes = listAt(route, 'route');
  if (at(route, 'delegate') !== undefined) return [...delegateFaults(route), ...matchFaults(route)];
  const hasOther = ['redirect', 'directResponse'].filter((key) => at(route, key) !== undefined);
  if (routes.length > 0 && hasOther[0] === 'redirect')
    return ['HTTP route cannot contain both route and redirect'];
  if (routes.length > 0 && hasOther[0] === 'directResponse')
    return ['HTTP route cannot contain both route and direct_response'];
  if (routes.length === 0 && hasOther.length === 0) {
    return ['HTTP route, redirect or direct_response is required'];
  }
  return [...matchFaults(route), ...mirrorFaults(route), ...retryFaults(route), ...weightedFaults(routes)];
}

function delegateFaults(route: Json): string[] {
  const taken = ['redirect', 'route'].filter((key) => at(route, key) !== undefined);
  return taken.map((key) => `root HTTP route ${textAt(route, 'name')} must not specify ${key}`);
}

function mirrorFaults(route: Json): string[] {
  const value = at(route, 'mirrorPercentage', 'value');
  const mirrors = listAt(route, 'mirrors');
  const both = at(route, 'mirror') !== undefined && mirrors.length > 0;
  return [
    ...(both ? ['HTTP route cannot contain both mirror and mirrors'] : []),
    ...percentageFaults(value),
    ...mirrorDestinationFaults(at(route, 'mirror')),
    ...mirrors.flatMap((one) => mirrorDestinationFaults(at(one, 'destination'))),
  ];
}

function percentageFaults(value: Json | undefined): string[] {
  if (typeof value !== 'number' || (value >= 0 && value <= 100)) return [];
  const bound = value > 100 ? 'a max value of 100' : 'a min value of 0';
  return [`mirror_percentage must have ${bound} (it has ${value.toFixed(6)})`];
}

function mirrorDestinationFaults(destination: Json | undefined): string[] {
  return destination === undefined ? [] : destinationFaults({ destination });
}

function retryFaults(route: Json): string[] {
  const attempts = at(route, 'retries', 'attempts');
  return typeof attempts === 'number' && attempts < 0 ? [listed(['attempts cannot be negative'])] : [];
}

function weightedFaults(routes: readonly Json[]): string[] {
  const faults = routes.flatMap((route) => [...destinationFaults(route), ...negativeWeight(route)]);
  const total = routes.reduce<number>((sum, route) => sum + weightOf(route), 0);
  // One destination alone may leave its weight out, or say 0: it takes everything.
  return faults.length === 0 && routes.length > 1 && total === 0 ? ['total destination weight = 0'] : faults;
}

function weightOf(route: Json): number {
  const weight = at(route, 'weight');
  return typeof weight === 'number' ? weight : 0;
}

function negativeWeight(route: Json): string[] {
  return weightOf(route) < 0 ? [`weight ${weightOf(route)} < 0`] : [];
}

function destinationFaults(route: Json): string[] {
  const destination = at(route, 'destination');
  const subset = textAt(destination, 'subset');
  const port = at(destination, 'port', 'number');
  return [
    ...hostFaults(textAt(destination, 'host')),
    ...(subset === '' || isDnsLabel(subset) ? [] : [`subset name is invalid: ${subset}`]),
    ...(typeof port !== 'number' || (port >= 1 && port <= 65_535)
      ? []
      : [`port number ${port} must be in the range 1..65535`]),
  ];
}

function hostFaults(host: string): string[] {
  if (host === '') return ['empty domain name not allowed'];
  const label = host.split('.').find((part) => part !== '*' && !isDnsLabel(part.toLowerCase()));
  return label === undefined ? [] : [`domain name "${host}" invalid (label "${label}" invalid)`];
}

function isDnsLabel(text: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);
}

function destinationRuleFaults(object: JsonObject): string[] {
  const subsets = listAt(object, 'spec', 'subsets');
  const names = subsets.map((subset) => textAt(subset, 'name'));
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return [`duplicate subset names: ${twice}`];
  const keys = subsets.flatMap((subset) => Object.keys(at(subset, 'labels') ?? {}));
  const bad = keys.filter((key) => !/^([\w.-]+\/)?[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/.test(key));
  return bad.length === 0 ? [] : [listed(bad.map((key) => `invalid tag key: "${key}"`))];
}

/** Every route after the first one that matches everything is never used. */
function unreachableRouteWarnings(object: JsonObject): string[] {
  const routes = listAt(object, 'spec', 'http');
  const first = routes.findIndex((route) => listAt(route, 'match').length === 0);
  const unused = first < 0 ? [] : routes.slice(first + 1);
  return unused.map(
    (route) =>
      `virtualService rule "${textAt(route, 'name')}" not used (only the last rule can have no matches)`,
  );
}
