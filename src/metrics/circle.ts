import type { Millis } from '../rollout/units.ts';
import type { Failed, Row } from './answer.ts';
import type { ServiceSelector } from './promql.ts';
import type { Question } from './queries.ts';
import { forget, type Group, groupsAt, type Roster, remember } from './roster.ts';
import { anySize, mostAt, partAt, type Size } from './size.ts';
import { kinOf, nameOf } from './together.ts';

/** A question about one target, at an instant. */
export type Asked = { selector: ServiceSelector; question: Question; at: Millis };

/** Those of one kin who ask one question, and its queries of the last few instants. */
type Circle = {
  roster: Roster;
  plans: Map<Millis, Map<string, GroupQuery>>;
  size: Size;
};

/** A query for a group, and for a part of it where its size is in doubt; sent when the first of the group asks. */
export type GroupQuery = Kept<GroupAnswer> & { size: Size; group: Group; part: Group | null };
export type GroupAnswer = { kind: 'rows'; rowsFor: (selector: ServiceSelector) => Row[] } | Failed;
/** What several have in common, once the first of them has asked for it. */
export type Kept<Shared> = { answer: Promise<Shared> | null; mayTryAgain: boolean };

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
  return { roster: new Map(), plans: new Map(), size: anySize() };
}

/** Forgets who asks no more, and what nobody asks. */
function sweep(circles: Map<string, Circle>, at: Millis): void {
  for (const [key, { roster, plans }] of circles) {
    forget(roster, at);
    if (roster.size === 0 && plans.size === 0) circles.delete(key);
  }
}

function planAt({ roster, plans, size }: Circle, at: Millis): Map<string, GroupQuery> {
  return shortLived(plans, at, () => {
    const groups = groupsAt(roster, at, mostAt(size, at));
    const queries = groups.map((group) => ({ size, group, part: partAt(size, group, at), ...notAsked() }));
    return new Map(queries.flatMap((query) => query.group.map((one) => [nameOf(one), query] as const)));
  });
}

export function notAsked(): Kept<never> {
  return { answer: null, mayTryAgain: true };
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
