import type { Millis } from '../rollout/units.ts';
import type { Failed, Row } from './answer.ts';
import type { ServiceSelector } from './promql.ts';
import type { Question } from './queries.ts';
import { forget, type Group, groupsAt, type Roster, remember } from './roster.ts';
import { kinOf, nameOf } from './together.ts';

/** A question about one target, at an instant. */
export type Asked = { selector: ServiceSelector; question: Question; at: Millis };

/** Those of one kin who ask one question, and its queries of the last few instants. */
type Circle = {
  roster: Roster;
  plans: Map<Millis, Map<string, GroupQuery>>;
  most: number;
  /** When groups may grow again, and how long they stay as they are after that. */
  widenAt: Millis;
  narrowMs: number;
};

/** A query for a group; it is sent when the first of the group asks. */
export type GroupQuery = { circle: Circle; group: Group; answer: Promise<GroupAnswer> | null };
export type GroupAnswer = { kind: 'rows'; rowsFor: (selector: ServiceSelector) => Row[] } | Failed;

const mostInGroup = 50;
/** For how long smaller groups are asked for after one was refused or too slow: at first, and at most. */
const narrowMs = { first: 5 * 60_000, most: 30 * 60_000 };
const sweepMs = 60_000;
/** For how long the answers of an instant are kept: the grid of slow polls, and a second for those that are late. */
const keptMs = 3000;

export type Circles = {
  /** The query that an asker has in common with others; null for who is not among those who asked before. */
  join(asked: Asked): GroupQuery | null;
};

export function openCircles(): Circles {
  const circles = new Map<string, Circle>();
  let sweptAt = 0;
  return {
    join: ({ selector, question, at }) => {
      const kin = kinOf(selector);
      if (kin === null) return null;
      if (Math.abs(at - sweptAt) >= sweepMs) {
        sweptAt = at;
        sweep(circles, at);
      }
      const circle = entry(circles, `${kin} ${question.kind} ${question.seconds}`, newCircle);
      const query = planAt(circle, at).get(nameOf(selector)) ?? null;
      remember(circle.roster, selector, at);
      return query;
    },
  };
}

function newCircle(): Circle {
  return { roster: new Map(), plans: new Map(), most: mostInGroup, widenAt: 0, narrowMs: narrowMs.first };
}

/** Forgets who asks no more, and what nobody asks. */
function sweep(circles: Map<string, Circle>, at: Millis): void {
  for (const [key, { roster, plans }] of circles) {
    forget(roster, at);
    if (roster.size === 0 && plans.size === 0) circles.delete(key);
  }
}

function planAt(circle: Circle, at: Millis): Map<string, GroupQuery> {
  return shortLived(circle.plans, at, () => {
    widen(circle, at);
    const groups = groupsAt(circle.roster, at, circle.most);
    const queries = groups.map((group) => ({ circle, group, answer: null }));
    return new Map(queries.flatMap((query) => query.group.map((one) => [nameOf(one), query] as const)));
  });
}

function widen(circle: Circle, at: Millis): void {
  if (circle.most === mostInGroup || at < circle.widenAt) return;
  circle.most = Math.min(mostInGroup, circle.most * 2);
  circle.widenAt = at + circle.narrowMs;
}

/** Has smaller groups from the next instant on, because one this large was more than could be answered at `at`. */
export function narrow({ circle, group }: GroupQuery, at: Millis): void {
  // Groups of one instant fail together, but are one reason.
  if (group.length === 1 || group.length > circle.most) return;
  circle.most = Math.min(circle.most, Math.floor(group.length / 2));
  circle.widenAt = at + circle.narrowMs;
  circle.narrowMs = Math.min(narrowMs.most, circle.narrowMs * 2);
}

/** What is kept of an instant, made when it is first asked for and dropped a few seconds later. */
export function shortLived<Value>(map: Map<Millis, Value>, at: Millis, make: () => Value): Value {
  return entry(map, at, () => {
    setTimeout(() => map.delete(at), keptMs).unref();
    return make();
  });
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
