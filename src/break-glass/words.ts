import { wrapped } from '../cli/terminal.ts';
import type { Readiness } from '../rollout/ports/mesh.ts';
import { annotations } from '../traffic/annotations.ts';
import type { Change, RollbackPlan, Standing, Taken, TakenRoute } from '../traffic/break-glass.ts';
import type { KubeIdentity } from '../traffic/kube-identity.ts';
import type { ListedRoute } from '../traffic/routes.ts';
import { nameOf } from '../traffic/virtual-service.ts';
import { type Asked, folded, kubectl, seeIt } from './commands.ts';

type Planned = Extract<RollbackPlan, { kind: 'write' }>;
const indent = 10;

/** Which cluster is asked, and as whom. */
export function where({ context, server, user }: KubeIdentity): string {
  return row('Cluster', `context ${context}, ${server}, as ${user}`);
}

/** What stands there now, and what would be written. */
export function before({ namespace, name }: Asked, { taken, changes }: Planned): string {
  const { owner, routes, managed } = taken;
  const several = routes.length > 1;
  return [
    row('Object', `VirtualService ${namespace}/${name}, ${routes.map(named).join(', ')}`),
    row('Rollout', `${owner.rolloutId}, epoch ${owner.epoch}, as canaryd's annotations say`),
    ...routes.map((one) => row('Now', `${several ? `${named(one)}: ` : ''}${shares(one)}`)),
    row(
      'Write',
      changes.length === 0
        ? 'no weight: the canary has 0 % already'
        : changes.map((one) => shown(one, several)).join(', '),
    ),
    managed.length === 0 ? '' : row('', `without the managed routes ${managed.join(', ')}`),
    row('', `annotation ${annotations.rolledBack}: ${markOf(taken)}`),
  ].join('');
}

function named({ route }: { route: string }): string {
  return route === '' ? 'its only route' : `route ${route}`;
}

/** Routes whose traffic stays where it is; null when there are none. */
export function left(asked: Asked, { lost }: Pick<Taken, 'lost'>): string | null {
  if (lost.length === 0) return null;
  const rows = lost.map((one) => row('Left', `${named(one)} keeps its traffic as it is: ${one.why}`));
  const mend = row('Mend', 'mend what is named, then run this command again:');
  const edit = kubectl(asked, 'edit', 'virtualservice', asked.name, '-n', asked.namespace);
  return [...rows, mend, `${edit}\n`].join('');
}

/** Who would get the traffic; null when all is as it should be. A person's rollback is never withheld for it. */
export function warning({ stable }: Taken, readiness: Readiness): string | null {
  if (readiness.kind === 'unknown')
    return row('Pods', `of ${stable.name} (stable) were not read: ${readiness.why}`);
  const { ready, total } = readiness;
  if (ready > 0) return null;
  return row(
    'Warning',
    `${stable.name} (stable) has no ready pod (0 of ${total}); it gets the traffic all the same`,
  );
}

/** What was done, what comes now, and what to type. */
export function after(asked: Asked, taken: Taken, from: Taken, resourceVersion: string): string {
  const { canary, stable, owner } = taken;
  const done = `canary ${canary.name} ${percent(from.canary)} -> ${percent(canary)}, read back (resourceVersion ${resourceVersion}); ${stable.name} (stable) has ${percent(stable)}${others(taken)}`;
  return [row('Done', done), next(owner.rolloutId), toType(asked, owner.rolloutId)].join('');
}

/** The same for somebody who asks once more. */
export function again(asked: Asked, { owner, stable, canary, ...rest }: Taken): string {
  const done = `already rolled back: canary ${canary.name} has ${percent(canary)}, ${stable.name} (stable) ${percent(stable)}${others(rest)}; nothing was written`;
  return [row('Done', done), next(owner.rolloutId), toType(asked, owner.rolloutId)].join('');
}

/** What follows when canaryd has ended its rollout, or could not write down that it did. */
export function ended(asked: Asked, rolloutId: string): string {
  const done = `already rolled back: canaryd took the traffic of ${rolloutId} back itself, without its database; nothing was written`;
  return [row('Done', done), next(rolloutId), toType(asked, rolloutId)].join('');
}

/** One row: a word, and what it is about. */
export function row(word: string, text: string): string {
  return `${wrapped(`${word.padEnd(indent)}${text}`, indent)}\n`;
}

function toType(asked: Asked, rolloutId: string | null): string {
  const look = ['To look:', seeIt(asked)];
  if (rolloutId === null) return `\n${look.join('\n')}\n`;
  const curl = ['curl', '-sS', '-H', '"Authorization: Bearer $TOKEN"', `"$API/v1/rollouts/${rolloutId}"`];
  return `\n${[...look, 'When canaryd answers again:', folded(curl)].join('\n')}\n`;
}

function markOf({ owner }: Pick<Taken, 'owner'>): string {
  return `${owner.rolloutId}/${owner.epoch}`;
}

function next(rolloutId: string): string {
  const text = `when canaryd runs again, the next turn of ${rolloutId} takes this up as rolled back and ends. If its database never comes back, nothing follows: the weights stay as they are. If canaryd cannot read that rollout it stays live, and its VirtualService locked, until the row is restored.`;
  return row('Next', text);
}

/**
 * Where all traffic is, when each route with a choice sends all of it to one destination; null otherwise. A route with
 * one destination counts only where none has more.
 */
export function restingOn(routes: readonly ListedRoute[]): string | null {
  const split = routes.filter(({ destinations }) => destinations.length !== 1);
  const names = (split.length > 0 ? split : routes).map(({ destinations }) => {
    const all = destinations.find(({ share }) => share === 100);
    return all === undefined ? null : nameOf(all, destinations);
  });
  if (names.length === 0 || names.includes(null)) return null;
  return [...new Set(names)].join(', ');
}

/** The split as a person reads it. */
export function shares(taken: TakenRoute): string {
  const { stable, canary } = taken;
  return `${stable.name} (stable) ${percent(stable)}, ${canary.name} (canary) ${percent(canary)}${others(taken)}`;
}

function others({ others: list }: Pick<Taken, 'others'>): string {
  return list.map((one) => `, ${one.name} (no part of the rollout) ${percent(one)}`).join('');
}

function shown(change: Change, several: boolean): string {
  const { name, from, to } = change;
  const where = several ? ` in ${named(change)}` : '';
  return `weight of ${name}${where} ${from ?? 'none'} -> ${to ?? 'none'}`;
}

function percent({ share }: Standing): string {
  return `${share} %`;
}
