import { isSameJson } from './same-json.ts';

/** An entry of a list. Those with a key may come, go and change; those without one stay where they are. */
export type Listed = { key: string | null; value: unknown };

/** One operation on a list at an index that is right once those before it are done. */
export type Edit =
  | { op: 'add' | 'replace'; index: number; value: unknown }
  | { op: 'remove'; index: number; value?: undefined };

/**
 * The fewest edits that turn one list into another with the same entries without a key in the same order: what keeps
 * its key and its place is replaced where it differs, then entries are removed from the end, then added from the start.
 */
export function editsBetween(present: readonly Listed[], wanted: readonly Listed[]): Edit[] {
  const kept = keptPairs(present, wanted);
  const replaced = kept.flatMap(([from, to]): Edit[] => {
    const value = wanted[to]?.value;
    return isSameJson(present[from]?.value, value) ? [] : [{ op: 'replace', index: from, value }];
  });
  const from = new Set(kept.map(([index]) => index));
  const to = new Set(kept.map(([, index]) => index));
  const removed = present.flatMap((_, index): Edit[] => (from.has(index) ? [] : [{ op: 'remove', index }]));
  const added = wanted.flatMap(({ value }, index): Edit[] =>
    to.has(index) ? [] : [{ op: 'add', index, value }],
  );
  return [...replaced, ...removed.reverse(), ...added];
}

/** Pairs of indexes of entries that stay, gap by gap between those without a key. */
function keptPairs(present: readonly Listed[], wanted: readonly Listed[]): [number, number][] {
  const starts = [gapsOf(present), gapsOf(wanted)] as const;
  return starts[0].flatMap((gap, index): [number, number][] => {
    const other = starts[1][index] ?? gap;
    const pairs = longestCommon(
      present.slice(gap.start, gap.end).map(({ key }) => key),
      wanted.slice(other.start, other.end).map(({ key }) => key),
    );
    const inside = pairs.map(([a, b]): [number, number] => [gap.start + a, other.start + b]);
    return gap.end < present.length ? [...inside, [gap.end, other.end]] : inside;
  });
}

/** The stretches of entries with a key; each but the last one ends at an entry without. */
function gapsOf(list: readonly Listed[]): { start: number; end: number }[] {
  const ends = list.flatMap(({ key }, index) => (key === null ? [index] : []));
  return [...ends, list.length].map((end, index) => ({
    start: index === 0 ? 0 : (ends[index - 1] ?? 0) + 1,
    end,
  }));
}

type Pairs = [number, number][];

/** The indexes of a longest common subsequence, by rows of the table of all beginnings of both. */
function longestCommon(one: readonly (string | null)[], other: readonly (string | null)[]): Pairs {
  const start: Pairs[] = [[], ...other.map((): Pairs => [])];
  const last = one.reduce((above, key, index) => {
    const row: Pairs[] = [[]];
    for (const [place, wanted] of other.entries()) {
      const both: Pairs = [...(above[place] ?? []), [index, place]];
      row.push(key === wanted ? both : longer(above[place + 1] ?? [], row[place] ?? []));
    }
    return row;
  }, start);
  return last.at(-1) ?? [];
}

function longer(one: Pairs, other: Pairs): Pairs {
  return other.length > one.length ? other : one;
}
