/** What stands at one place of a pattern: this character, any one, or any number of any. */
export type Wildcard = { kind: 'is'; character: string } | { kind: 'one' } | { kind: 'run' };

/**
 * Whether a pattern is that of a whole text. Other people wrote the pattern, and a regular expression may take for ever
 * over it: here the last run alone is tried again, which takes at most the one length times the other.
 */
export function isLike(pattern: readonly Wildcard[], text: string): boolean {
  const characters = [...text];
  let [place, at] = [0, 0];
  let run = { place: -1, end: 0 };
  while (at < characters.length) {
    const wanted = pattern[place];
    if (wanted?.kind === 'run') {
      run = { place, end: at };
      place += 1;
    } else if (isOne(wanted, characters[at])) {
      [place, at] = [place + 1, at + 1];
    } else if (run.place < 0) {
      return false;
    } else {
      run = { place: run.place, end: run.end + 1 };
      [place, at] = [run.place + 1, run.end];
    }
  }
  return pattern.slice(place).every(({ kind }) => kind === 'run');
}

function isOne(wanted: Wildcard | undefined, character: string | undefined): boolean {
  if (wanted === undefined) return false;
  return wanted.kind === 'one' || (wanted.kind === 'is' && wanted.character === character);
}
