import { type RouteKey, routeLabel } from '../rollout/target.ts';
import type { OwnRoute } from '../traffic/break-glass.ts';
import type { Original } from '../traffic/original-weights.ts';
import type { ListedRoute } from '../traffic/routes.ts';
import { type Place, pointerTo } from '../traffic/virtual-service.ts';
import type { BreakGlassOptions } from './options.ts';

export type Asked = Pick<BreakGlassOptions, 'namespace' | 'name' | 'kubeconfig' | 'context'>;

const columns = 80;

/** `kubectl` with these words, for the cluster and the credentials that were asked for; one line or several. */
export function kubectl({ kubeconfig, context }: Asked, ...words: string[]): string {
  const chosen = [
    kubeconfig === null ? [] : [`--kubeconfig=${quoted(kubeconfig)}`],
    context === null ? [] : [`--context=${quoted(context)}`],
  ];
  return folded(['kubectl', ...chosen.flat(), ...words]);
}

/** One command for a shell; where it is longer than a line, it goes on behind a backslash. */
export function folded(words: readonly string[]): string {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 5 <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? `  ${word}` : `    ${word}`);
  }
  return lines.join(' \\\n');
}

export function seeIt(asked: Asked): string {
  return kubectl(asked, 'get', 'virtualservice', asked.name, '-n', asked.namespace, '-o', 'yaml');
}

export function askRight(asked: Asked, verb: 'get' | 'patch'): string {
  const object = `virtualservices.networking.istio.io/${asked.name}`;
  return kubectl(asked, 'auth', 'can-i', verb, object, '-n', asked.namespace);
}

/** A patch by hand that gives stable what the canary has. Null where nothing of the noted split is there to be moved. */
export function patchBack(
  asked: Asked,
  routes: readonly ListedRoute[],
  { moved }: Pick<Original, 'moved'>,
): string | null {
  return patchByHand(
    asked,
    moved.routes.flatMap(({ key }) => routeBack(routes, key, moved) ?? []),
  );
}

function routeBack(
  routes: readonly ListedRoute[],
  key: RouteKey,
  arms: Original['moved'],
): ListedRoute | null {
  const [route, ...others] = routes.filter(
    (one) => one.key.kind === key.kind && one.name === routeLabel(key),
  );
  const stable = route?.destinations.find((one) => isAt(one, arms.stable));
  if (route === undefined || others.length > 0 || stable === undefined) return null;
  const canary = route.destinations.find((one) => isAt(one, arms.canary));
  const hasForeign = route.destinations.some((one) => one !== stable && one !== canary && one.share > 0);
  const sum = (stable.weight ?? 0) + (canary?.weight ?? 0);
  const destinations = route.destinations.map((one) => {
    if (one === stable) return { ...one, weight: hasForeign ? sum : 100 };
    return one === canary ? { ...one, weight: 0 } : one;
  });
  return { ...route, destinations };
}

function isAt(one: Place, { host, subset }: Place): boolean {
  return one.host === host && one.subset === subset;
}

/** A patch by hand with the weights as they stand: sent unchanged it changes nothing. Null when there is nothing to move. */
export function patchByHand(asked: Asked, routes: readonly ListedRoute[]): string | null {
  const operations = routes.flatMap(({ path, destinations }) => {
    if (destinations.length < 2) return [];
    const pointer = `/${path.replaceAll('.', '/').replaceAll(/\[(\d+)\]/g, '/$1')}`;
    return destinations.map(({ weight }, index) =>
      operationAt(`${pointer}/route/${index}/weight`, weight ?? 0),
    );
  });
  return operations.length === 0 ? null : jsonPatch(asked, operations);
}

/**
 * A patch by hand without these routes, each tested by its name, since places change. The last one goes first, so that
 * the others stay where they are.
 */
export function patchAway(asked: Asked, routes: readonly OwnRoute[]): string {
  const operations = routes
    .toReversed()
    .flatMap(({ at, name }) => [
      JSON.stringify({ op: 'test', path: pointerTo([...at, 'name']), value: name }),
      JSON.stringify({ op: 'remove', path: pointerTo(at) }),
    ]);
  return jsonPatch(asked, operations);
}

function jsonPatch(asked: Asked, operations: string[]): string {
  const command = kubectl(asked, 'patch', 'virtualservice', asked.name, '-n', asked.namespace);
  return `${command} \\\n    --type=json -p '[\n${operations.map((line) => `    ${line}`).join(',\n')}\n  ]'`;
}

function operationAt(path: string, value: number): string {
  return JSON.stringify({ op: 'add', path, value });
}

/** As a shell reads it as one word. */
function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
