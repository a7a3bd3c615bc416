import { z } from 'zod';
import { nearest } from '../known-names.ts';

/** Words separated by commas, each one of `words`; a misspelled one is answered with the right one. */
export function commaList<Word extends string>(words: readonly Word[]) {
  return z.string().transform((written, context) =>
    written.split(',').flatMap((one) => {
      const word = words.find((known) => known === one.trim());
      if (word !== undefined) return [word];
      context.addIssue({ code: 'custom', params: { code: 'not-one-of' }, message: sentenceFor(one, words) });
      return [];
    }),
  );
}

function sentenceFor(written: string, words: readonly string[]): string {
  const meant = nearest(written.trim(), words);
  if (meant !== null) return `did you mean "${meant}"?`;
  return `write one or more of ${words.map((word) => `"${word}"`).join(', ')}, separated by commas`;
}
