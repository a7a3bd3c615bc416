/** In characters, of what other people wrote. */
const longest = 200;

/** A text of others on one line, cut at 200 characters. */
export function short(text: string): string {
  // Twice as many code units hold all that is shown, whatever the characters are.
  const line = text
    .slice(0, 4 * longest)
    .replaceAll(/[\s\p{Cc}\p{Cs}]+/gu, ' ')
    .trim();
  const characters = [...line];
  const isWhole = text.length <= 4 * longest && characters.length <= longest;
  return isWhole ? line : `${characters.slice(0, longest - 1).join('')}…`;
}

/**
 * A text as one word of a command, for people to copy.
 * Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
