export type Level = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. `says` is a sentence that ends with the mend when there is something to mend. */
export type Check = { level: Level; what: string; says: string };

export function ok(what: string, says: string): Check {
  return { level: 'ok', what, says };
}

export function warn(what: string, says: string): Check {
  return { level: 'warn', what, says };
}

export function fail(what: string, says: string): Check {
  return { level: 'fail', what, says };
}

/** True when nothing has to be mended before canaryd can work; a warning may wait. */
export function isHealthy(checks: readonly Check[]): boolean {
  return checks.every(({ level }) => level !== 'fail');
}

/** The checks as JSON, on one line. */
export function asJson(checks: readonly Check[]): string {
  return `${JSON.stringify({ ok: isHealthy(checks), checks })}\n`;
}

const columns = 80;
const indent = '      ';

/** The checks for a terminal of 80 columns, and how it went. */
export function asText(checks: readonly Check[]): string {
  const lines = checks.map(({ level, what, says }) => wrapped(`${level.padEnd(6)}${what} - ${says}`));
  const count = (level: Level) => checks.filter((check) => check.level === level).length;
  return `${lines.join('\n')}\n\n${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail\n`;
}

/** Breaks a line at spaces; a word that is longer than a line keeps it for itself. */
function wrapped(text: string): string {
  const [first = '', ...words] = text.split(/(?<=\S) (?=\S)/);
  const lines = [first];
  for (const word of words) {
    const last = lines.at(-1) ?? '';
    if (last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${indent}${word}`);
  }
  return lines.join('\n');
}
