/** A block of shell commands in a Markdown page, and the block below it that says what it answers. */
export type RunbookBlock = { place: string; commands: string; answer: Answer | null };
type Answer = { form: 'text' | 'json'; shown: string };

const fence = /^```(\w+)\n([\s\S]*?)^```$/gm;

/** The `sh` blocks between `<!-- runbook -->` and `<!-- /runbook -->`, in their order, each with its answer. */
export function runbookBlocks(page: string): RunbookBlock[] {
  const begin = page.indexOf('<!-- runbook -->');
  const end = page.indexOf('<!-- /runbook -->');
  if (begin < 0 || end < begin) throw new Error('the page has no <!-- runbook --> ... <!-- /runbook -->');
  const blocks: RunbookBlock[] = [];
  for (const { 1: form = '', 2: text = '', index } of page.slice(begin, end).matchAll(fence)) {
    const last = blocks.at(-1);
    if (form === 'sh') blocks.push({ place: placeOf(page, begin + index), commands: text, answer: null });
    else if ((form === 'text' || form === 'json') && last?.answer === null)
      last.answer = { form, shown: text };
    else throw new Error(`${placeOf(page, begin + index)}: a ${form} block stands below no commands`);
  }
  return blocks;
}

/** What is wrong with an output, in words, or null when it is as the page says. */
export function differenceFrom(answer: Answer, output: string): string | null {
  if (answer.form === 'text') return lineMissing(answer.shown.trimEnd().split('\n'), output.split('\n'));
  const json = output.split('\n').find((line) => line.startsWith('{'));
  return json === undefined
    ? 'there is no JSON in it'
    : partMissing(JSON.parse(answer.shown), JSON.parse(json), '');
}

function placeOf(page: string, index: number): string {
  return `line ${page.slice(0, index).split('\n').length}`;
}

/** Each line must be there, in this order; other lines may stand between them. */
function lineMissing(lines: string[], output: string[]): string | null {
  let from = 0;
  for (const line of lines) {
    const found = output.findIndex((candidate, index) => index >= from && isLike(line, candidate));
    if (found < 0) return `no line is like: ${line}`;
    from = found + 1;
  }
  return null;
}

/** Each key shown must be there with this value; `"..."` at the end of a list stands for more of it. */
function partMissing(shown: unknown, found: unknown, path: string): string | null {
  if (Array.isArray(shown)) return itemMissing(shown, found, path);
  if (isObject(shown)) {
    if (!isObject(found)) return `${path} is no object`;
    const faults = Object.entries(shown).map(([key, value]) =>
      partMissing(value, found[key], `${path}/${key}`),
    );
    return faults.find((fault) => fault !== null) ?? null;
  }
  const isSame =
    typeof shown === 'string' && typeof found === 'string' ? isLike(shown, found) : shown === found;
  return isSame ? null : `${path} is ${JSON.stringify(found)}`;
}

function itemMissing(shown: unknown[], found: unknown, path: string): string | null {
  if (!Array.isArray(found)) return `${path} is no list`;
  const hasMore = shown.at(-1) === '...';
  const items = hasMore ? shown.slice(0, -1) : shown;
  if (!hasMore && found.length !== items.length) return `${path} has ${found.length} items`;
  const faults = items.map((item, index) => partMissing(item, found[index], `${path}/${index}`));
  return faults.find((fault) => fault !== null) ?? null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `...` stands for any text, also none. */
function isLike(pattern: string, text: string): boolean {
  const parts = pattern.split('...').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text.trimEnd());
}
