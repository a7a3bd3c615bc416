import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../migrations/', import.meta.url);

/** Up to here no two versions ran side by side: later migrations only add, so that the version before goes on. */
const baseline = 11;

describe('migrations', () => {
  it('only add to what the version before them reads and writes', async () => {
    const files = (await readdir(folder)).filter((file) => Number(file.slice(0, 4)) > baseline);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const text = await readFile(new URL(file, folder), 'utf8');
      expect({ file, faults: contractions(text) }).toEqual({ file, faults: [] });
    }
  });

  it.each([
    'ALTER TABLE rollout DROP COLUMN status',
    'drop index rollout_due',
    'ALTER TABLE rollout RENAME COLUMN status TO state',
    'ALTER TABLE rollout ALTER COLUMN lease_owner SET NOT NULL',
    'ALTER TABLE rollout ALTER COLUMN failures TYPE text',
    'ALTER TABLE rollout ADD COLUMN a text NOT NULL',
    'ALTER TABLE rollout ADD CONSTRAINT few CHECK (failures < 9)',
    'TRUNCATE rollout',
    'ALTER TABLE rollout ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b int NOT NULL',
  ])('that would stop the version before them are found: %s', (text) => {
    expect(contractions(text)).toHaveLength(1);
  });

  it.each([
    'ALTER TABLE rollout ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b text;',
    'CREATE TABLE late (id text NOT NULL);',
    '-- DROP what nobody needs\nCREATE INDEX late ON rollout (id);',
  ])('may add: %s', (text) => {
    expect(contractions(text)).toEqual([]);
  });
});

/** The parts of a migration that an older version would not survive. */
function contractions(text: string): string[] {
  const statements = text.replace(/--.*$/gm, '').split(';');
  return statements.flatMap((statement) => {
    const parts = /^\s*alter\s+table/i.test(statement)
      ? statement.split(/,(?=\s*(?:add|alter|drop)\b)/i)
      : [];
    const later = parts.filter((part) => /\badd\s+column\b[^,]*\bnot\s+null\b(?!.*\bdefault\b)/is.test(part));
    const gone =
      /\b(drop|rename|truncate)\b|\bset\s+not\s+null\b|\balter\s+column\s+\w+\s+type\b|\badd\s+constraint\b/i;
    return [...later, ...(gone.test(statement) ? [statement] : [])].map((part) => part.trim());
  });
}
