import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLike, type Wildcard } from '../../src/readiness/wildcards.ts';

function patternOf(glob: string): Wildcard[] {
  return [...glob].map((character) => {
    if (character === '*') return { kind: 'run' };
    return character === '?' ? { kind: 'one' } : { kind: 'is', character };
  });
}

describe('wildcards', () => {
  it('mean what the same regular expression means', () => {
    const glob = fc
      .array(fc.constantFrom('*', '?', 'a', 'b'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(glob, text, (pattern, one) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(isLike(patternOf(pattern), one)).toBe(expression.test(one));
      }),
      { numRuns: 200 },
    );
  });

  it('take a character of two code units for one', () => {
    expect(isLike(patternOf('?'), '\u{1f600}')).toBe(true);
  });
});
