import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { problemKinds } from '../../src/api/problems.ts';
import { StatusOnWire } from '../../src/api/status-wire.ts';
import { RolloutOnWire } from '../../src/api/wire.ts';
import { root } from './cruise.ts';

const page = await readFile(join(root, 'docs/guides/answers.md'), 'utf8');

describe('the page on exit codes, reasons and problems', () => {
  it('has every problem with its status and its title, and no other', () => {
    const known = Object.entries(problemKinds).map(
      ([slug, { status, title }]) => `| \`${slug}\` | ${status} | ${title} |`,
    );
    expect(rowsBelow('## Problems').toSorted()).toEqual(known.toSorted());
  });

  it('has every status, and no other', () => {
    expect(namesBelow('## Statuses').toSorted()).toEqual(StatusOnWire.options.toSorted());
  });

  it('has every reason, and no other', () => {
    const known = RolloutOnWire.shape.statusReason.unwrap().options;
    expect(namesBelow('## Reasons').toSorted()).toEqual(known.toSorted());
  });
});

/** The rows of the table under a heading. */
function rowsBelow(heading: string): string[] {
  const [, section = ''] = page.split(`${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return own.split('\n').filter((line) => line.startsWith('| `'));
}

/** What stands in the first cells of that table. */
function namesBelow(heading: string): string[] {
  return rowsBelow(heading).flatMap((row) => {
    const [, first = ''] = row.split('|');
    return [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  });
}
