import type { Millis } from '../rollout/units.ts';
import type { ServiceSelector } from './promql.ts';
import { nameOf } from './together.ts';

/** Who asked one question about targets of one kin, and when. */
export type Roster = Map<string, Member>;
/** `steps` are the last few times between two of its instants. */
type Member = { selector: ServiceSelector; last: Millis; steps: Millis[] };
export type Group = [ServiceSelector, ...ServiceSelector[]];

/** Who asked only once, within this time, may ask again at any instant. */
const recentMs = 30_000;
/** A poll that is late or early is so by no more. */
const offMs = 2000;
/** Who has not asked for so long has ended, or asks so rarely that a query of its own is no burden. */
const forgottenMs = 15 * 60_000;
const stepsKept = 5;
/**
 * What the names of one query may take up in an address, in bytes: a query repeats them six times, and proxies on the
 * way take 8 kB as a rule.
 */
const mostNameBytes = 900;

/** Notes that a target was asked about at an instant. */
export function remember(roster: Roster, selector: ServiceSelector, at: Millis): void {
  const name = nameOf(selector);
  const known = roster.get(name);
  if (known === undefined) {
    roster.set(name, { selector, last: at, steps: [] });
  } else if (at > known.last) {
    known.steps = [at - known.last, ...known.steps].slice(0, stepsKept);
    known.last = at;
  }
}

/** Forgets who has not asked for a long time before `at`. */
export function forget(roster: Roster, at: Millis): void {
  for (const [name, { last }] of roster) if (Math.abs(at - last) > forgottenMs) roster.delete(name);
}

/**
 * Who is asked for together at an instant, at most `most` in a group: those whose rhythm leads to it and, apart from
 * them, those who would only be here if they were late or early, or whose rhythm is not known yet.
 */
export function groupsAt(roster: Roster, at: Millis, most: number): Group[] {
  const offs = [...roster.values()].map((member) => ({ member, off: offBy(member, at) }));
  const those = (isIn: (off: number) => boolean) =>
    offs.filter(({ off }) => isIn(off)).map(({ member }) => member);
  return [
    ...cut(
      those((off) => off === 0),
      most,
    ),
    ...cut(
      those((off) => off > 0 && off <= offMs),
      most,
    ),
  ];
}

/** By how much an instant lies beside a member's rhythm, in which polls may be missing. */
function offBy({ last, steps }: Member, at: Millis): Millis {
  const elapsed = Math.abs(at - last);
  if (steps.length === 0) return elapsed <= recentMs ? offMs : Number.POSITIVE_INFINITY;
  return Math.min(...steps.map((step) => Math.min(elapsed % step, step - (elapsed % step))));
}

function cut(members: Member[], most: number): Group[] {
  const groups: Group[] = [];
  let bytes = 0;
  for (const { selector } of members) {
    const group = groups.at(-1);
    const more = bytesIn(selector);
    if (group === undefined || group.length >= most || bytes + more > mostNameBytes) {
      groups.push([selector]);
      bytes = more;
    } else {
      group.push(selector);
      bytes += more;
    }
  }
  return groups;
}

// A bar, and the brackets around a dot, are three characters each in an address.
function bytesIn({ arms }: ServiceSelector): number {
  const written = arms.flatMap(({ names }) => names.map((name) => `${name}|`.replace(/[.]/g, '[.]')));
  return encodeURIComponent(written.join('')).length;
}
