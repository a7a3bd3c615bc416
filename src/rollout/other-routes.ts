import type { AuditEvent, AuditFacts } from './audit.ts';
import type { Decision } from './decision.ts';
import { explain } from './explain.ts';
import { isManagedName } from './managed-route.ts';
import type { OtherRoute, OtherRoutes } from './ports/other-routes.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { objectName } from './several.ts';
import { objectsOf, type Target } from './target.ts';
import type { Millis } from './units.ts';

/** The rest is in the facts of the audit row. */
const mostInWords = 3;

/** True for a decision after which people are to know what else sends requests to the canary: it begins, or is back. */
export function asksForOtherRoutes(before: Rollout, { rollout, events }: Decision): boolean {
  if (before.state.kind === 'preflight') return events.some(({ type }) => type === 'rollout.started');
  return rollout.state.kind === 'rolledBack' && before.state.kind !== 'rolledBack';
}

/** What is known after a surprise: nothing. */
export function notFound(surprise: unknown): OtherRoutes {
  const why = `unexpected ${surprise instanceof Error ? surprise.name : typeof surprise} while looking for them`;
  return { routes: [], more: 0, direct: null, unknown: [{ namespace: null, why }] };
}

/** The same decision, with what was found in the audit row of the start or of the end, and in what is said of the end. */
export function withOtherRoutes(decision: Decision, found: OtherRoutes, now: Millis): Decision {
  const { rollout } = decision;
  const { target, state } = rollout;
  if (state.kind !== 'rolledBack') {
    const added = otherRouteWarnings(target, found);
    return inEvent(decision, 'rollout.started', added, { otherRoutes: withoutLeftovers(target, found) });
  }
  const reached = stillReached(target, found);
  if (reached === null) return inEvent(decision, 'rollout.rolled_back', [], { otherRoutes: found });
  const ended = { ...rollout, state: { ...state, stillReached: reached } };
  const facts = { otherRoutes: found, explanation: explain(ended, null, now) };
  return inEvent({ ...decision, rollout: ended }, 'rollout.rolled_back', [reached.what], facts);
}

/** What somebody ought to know before the start, as parts of sentences. */
export function otherRouteWarnings(target: Target, found: OtherRoutes): string[] {
  const { routes, direct, unknown } = withoutLeftovers(target, found);
  const { version, subset } = target.canary;
  const listed = listOf({ ...found, routes });
  return [
    ...(listed === null ? [] : [`requests reach ${version} whatever its weight is, by ${listed}`]),
    // A host of its own is called by whoever tests it.
    ...(direct === null || subset === null ? [] : [direct]),
    ...(unknown[0] === undefined
      ? []
      : [`what else sends requests to ${version} is not known: ${say.inner(unknown[0].why)}`]),
  ];
}

/** Null when it is known that nothing does. */
function stillReached(target: Target, found: OtherRoutes): { what: string; mend: string } | null {
  const { version } = target.canary;
  const listed = listOf(found);
  const [first] = found.routes;
  if (listed !== null && first !== undefined) {
    const edit = `kubectl -n ${first.namespace} edit virtualservice ${first.virtualService}`;
    return { what: `still reaches ${version}: ${listed}`, mend: `to take those requests away, too: ${edit}` };
  }
  const [unread] = found.unknown;
  if (unread === undefined) return null;
  const what = `whether anything else reaches ${version} is not known: ${say.inner(unread.why)}`;
  return { what, mend: `look for other routes to ${version}: kubectl get virtualservices -A -o yaml` };
}

/** The first write takes away what an earlier rollout left standing. */
function withoutLeftovers(target: Target, found: OtherRoutes): OtherRoutes {
  const own = objectsOf(target).map(objectName);
  const isLeft = (one: OtherRoute) =>
    one.route !== null && isManagedName(one.route) && own.includes(objectName(one));
  return { ...found, routes: found.routes.filter((one) => !isLeft(one)) };
}

/** Null when there is none. */
function listOf({ routes, more }: Pick<OtherRoutes, 'routes' | 'more'>): string | null {
  if (routes.length === 0) return null;
  const left = routes.length + more - mostInWords;
  const shown = routes.slice(0, mostInWords).map(inWords);
  return left > 0 ? `${shown.join(', ')} and ${left} more` : shown.join(', ');
}

function inWords({ namespace, virtualService, route, path, match, kind, share }: OtherRoute): string {
  const called = route === null ? path : `route ${route}`;
  const part = share < 100 ? `; ${say.share(share)} of them` : '';
  const copies = kind === 'mirror' ? '; copies' : '';
  return `VirtualService ${namespace}/${virtualService} ${called} (${match}${part}${copies})`;
}

function inEvent(
  decision: Decision,
  type: 'rollout.started' | 'rollout.rolled_back',
  words: string[],
  facts: AuditFacts,
): Decision {
  const told = (event: AuditEvent): AuditEvent => {
    if (event.type !== type) return event;
    const message = say.sentence([say.inner(event.message), ...words].join('; '));
    return { ...event, message, facts: { ...event.facts, ...facts } };
  };
  return { ...decision, events: decision.events.map(told) };
}
