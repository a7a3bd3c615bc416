const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Blocks that terminals draw two columns wide: East Asian Wide and Fullwidth (Unicode TR 11), in coarse ranges, and
 * what is drawn as a picture by default.
 */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const unseen = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Control characters, and characters that turn the direction of text: nobody's text moves the cursor. */
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Text as it may stand on a screen: whatever could steer the terminal is a question mark. */
export function clean(text: string): string {
  return text.replaceAll(/\s/g, ' ').replaceAll(unsafe, '?');
}

/** What a reader sees as one character, each with its columns on a terminal. */
export function characters(text: string): { text: string; width: number }[] {
  return [...segmenter.segment(text)].map(({ segment }) => ({ text: segment, width: columnsOf(segment) }));
}

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return characters(text).reduce((sum, { width }) => sum + width, 0);
}

function columnsOf(character: string): number {
  if (wide.test(character)) return 2;
  return unseen.test(character) ? 0 : 1;
}
