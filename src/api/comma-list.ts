import { z } from 'zod';
import { didYouMean, quoted } from '../known-names.ts';

/** Words separated by commas, each one of `words`; a misspelled one is answered with the right one. */
export function commaList<Word extends string>(words: readonly Word[]) {
  return z.string().transform((written, context) =>
    written.split(',').flatMap((one) => {
      const word = words.find((known) => known === one.trim());
      if (word !== undefined) return [word];
      const message =
        didYouMean(one.trim(), words) ?? `write one or more of ${quoted(words)}, separated by commas`;
      context.addIssue({ code: 'custom', params: { code: 'not-one-of' }, message });
      return [];
    }),
  );
}
