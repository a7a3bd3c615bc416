import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Edit, editsBetween, type Listed } from '../../src/traffic/list-edits.ts';

const keyed: fc.Arbitrary<Listed> = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  value: fc.constantFrom(1, 2),
});
const gap = fc.array(keyed, { maxLength: 4 });

/** Two lists with the same entries without a key, and whatever between them. */
const lists = fc.array(fc.tuple(gap, gap), { minLength: 1, maxLength: 4 }).map((gaps) => {
  const listOf = (side: 0 | 1) =>
    gaps.flatMap((both, index): Listed[] => [
      ...(index === 0 ? [] : [{ key: null, value: `theirs ${index}` }]),
      ...both[side],
    ]);
  return { present: listOf(0), wanted: listOf(1) };
});

function apply(list: readonly Listed[], edits: readonly Edit[]): unknown[] {
  return edits.reduce<unknown[]>(
    (before, { op, index, value }) => {
      expect(index).toBeLessThan(before.length + (op === 'add' ? 1 : 0));
      return op === 'add'
        ? before.toSpliced(index, 0, value)
        : before.toSpliced(index, 1, ...(op === 'remove' ? [] : [value]));
    },
    list.map(({ value }) => value),
  );
}

describe('for any two lists', () => {
  it('the edits turn one into the other, each at an index that is there', () => {
    fc.assert(
      fc.property(lists, ({ present, wanted }) => {
        expect(apply(present, editsBetween(present, wanted))).toEqual(wanted.map(({ value }) => value));
      }),
    );
  });

  it('none of them touches an entry without a key, and equal lists need none', () => {
    fc.assert(
      fc.property(lists, ({ present, wanted }) => {
        const theirs = present.flatMap(({ key }, index) => (key === null ? [index] : []));
        const touched = editsBetween(present, wanted).filter(({ op }) => op !== 'add');
        expect(touched.filter(({ index }) => theirs.includes(index))).toEqual([]);
        expect(editsBetween(wanted, wanted)).toEqual([]);
      }),
    );
  });
});
