import { describe, expect, it } from 'vitest';
import { selectService } from '../../src/metrics/promql.ts';
import { forget, groupsAt, type Roster, remember } from '../../src/metrics/roster.ts';
import { targetOf } from './requests.ts';

function selectorOf(name: string) {
  const selector = selectService(targetOf(name));
  if (selector.kind === 'refused') throw new Error(selector.why);
  return selector;
}

const second = 1000;

/** A roster of services and the seconds at which each asked. */
function rosterOf(asked: Record<string, number[]>): Roster {
  const roster: Roster = new Map();
  for (const [name, seconds] of Object.entries(asked)) {
    for (const at of seconds) remember(roster, selectorOf(name), at * second);
  }
  return roster;
}

const groups = (roster: Roster, at: number, most = 50) =>
  groupsAt(roster, at * second, most).map((group) => group.map(({ arms }) => arms[0]?.names[0]));

describe('who is asked for together', () => {
  it('are those whose rhythm leads to the instant, a missed poll or not', () => {
    const roster = rosterOf({ a: [0, 10], b: [0, 10], late: [4, 14], slow: [0, 20], missed: [0, 10, 40] });
    expect(groups(roster, 30)).toEqual([['a', 'b', 'missed']]);
    expect(groups(roster, 24)).toEqual([['late']]);
    expect(groups(roster, 40)).toEqual([['a', 'b', 'slow', 'missed']]);
  });

  it('are, apart from these, those who would only be late or early', () => {
    const roster = rosterOf({ a: [0, 10], b: [2, 12], c: [4, 14] });
    expect(groups(roster, 20)).toEqual([['a'], ['b']]);
    expect(groups(roster, 22)).toEqual([['b'], ['a', 'c']]);
  });

  it('keep their rhythm when they were late once', () => {
    const roster = rosterOf({ a: [0, 10, 20, 32, 40] });
    expect(groups(roster, 50)).toEqual([['a']]);
  });

  it('are all who asked once within half a minute, for as long as their rhythm is not known', () => {
    const roster = rosterOf({ a: [0], b: [25] });
    expect(groups(roster, 29)).toEqual([['a', 'b']]);
    expect(groups(roster, 33)).toEqual([['b']]);
  });

  it('are forgotten after a quarter of an hour, and kept in their rhythm before that', () => {
    const roster = rosterOf({ a: [0, 10], b: [0, 10], rare: [0, 600] });
    forget(roster, 920 * second);
    expect([...roster.values()].map(({ last }) => last)).toEqual([600 * second]);
    expect(groups(roster, 1200)).toEqual([['rare']]);
  });

  it('are not more than may be in one query, nor more than an address can hold', () => {
    const asked = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`s${index}`, [0, 10]]));
    expect(groups(rosterOf(asked), 20).map(({ length }) => length)).toEqual([50, 50, 20]);
    expect(groups(rosterOf(asked), 20, 100).map(({ length }) => length)).toEqual([100, 20]);
    const long = (index: number) => `${'n'.repeat(60)}${index}`;
    const longNames = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [long(index), [0, 10]]));
    expect(groups(rosterOf(longNames), 20).map(({ length }) => length)).toEqual([14, 13, 3]);
  });

  it('does not mind a poll of an older instant', () => {
    const roster = rosterOf({ a: [0, 10, 8] });
    expect(groups(roster, 20)).toEqual([['a']]);
  });
});
