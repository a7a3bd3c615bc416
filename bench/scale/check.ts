import type { WeightChange } from './canned-mesh.ts';
import { keyOf, type Place } from './fleet.ts';
import type { Standing } from './storage.ts';

/** What a run came to, as far as it can be wrong. */
export type Outcome = {
  fleet: Place[];
  breaching: Place[];
  standings: Standing[];
  changes: WeightChange[];
  /** The stretch that was measured, in ms since the epoch. */
  from: number;
  to: number;
};

const onTheWay = ['running', 'holding'];
/** Faults of one kind are told by their first few. */
const shown = 3;

/** What went wrong, a sentence each; none when every rollout did what it should have done. */
export function faultsIn(outcome: Outcome): string[] {
  const { fleet, breaching, standings } = outcome;
  const bad = new Set(breaching.map(keyOf));
  const found = standings.map((one) => ({ ...one, isBad: bad.has(keyOf(one)) }));
  const told = ({ status, detail, ...place }: Standing) =>
    `${keyOf(place)} (${status}: ${detail.slice(0, 200)})`;
  const wrong = found.filter(({ isBad, status }) => !isBad && !onTheWay.includes(status));
  const kept = found.filter(({ isBad, status }) => isBad && status !== 'rolled_back');
  return [
    ...(standings.length === fleet.length
      ? []
      : [`${fleet.length} rollouts were asked for, and ${standings.length} are kept.`]),
    ...sentence('healthy and not on the way', wrong.map(told)),
    ...sentence('breaching and not rolled back', kept.map(told)),
    ...sentence('rolled back in words, and their canary has traffic', stillSplit(outcome)),
    ...sentence('of the same weight from beginning to end', unmoved(outcome, bad)),
  ];
}

function sentence(what: string, places: string[]): string[] {
  if (places.length === 0) return [];
  const more = places.length > shown ? ' and others' : '';
  return [`${places.length} rollouts are ${what}: ${places.slice(0, shown).join(', ')}${more}.`];
}

function stillSplit({ changes, standings }: Outcome): string[] {
  const last = new Map(changes.map((change) => [keyOf(change), change.weight]));
  return standings
    .filter((one) => one.status === 'rolled_back' && (last.get(keyOf(one)) ?? 0) > 0)
    .map(keyOf);
}

function unmoved({ changes, fleet, from, to }: Outcome, bad: Set<string>): string[] {
  const moved = new Set(changes.filter(({ at }) => at >= from && at < to).map(keyOf));
  return fleet.map(keyOf).filter((key) => !bad.has(key) && !moved.has(key));
}
