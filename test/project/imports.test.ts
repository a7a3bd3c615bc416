import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cruise, cruise, purePattern, root } from './cruise.ts';

const product = await cruise(root);
const trespasses = await cruise(join(root, 'test/project/fixtures'));

const refused = [
  ['src/analysis/threshold.ts', 'analysis-knows-nobody'],
  ['src/api/reads-tables.ts', 'faces-know-the-core-only'],
  ['src/cli/skips-http.ts', 'faces-know-the-core-only'],
  ['src/helper.ts', 'every-file-has-a-place'],
  ['src/log.ts', 'leaves-know-nobody'],
  ['src/metrics/inspects.ts', 'adapters-check-nothing'],
  ['src/metrics/judges.ts', 'adapters-judge-nothing'],
  ['src/metrics/promql.ts', 'pure-files-stay-pure'],
  ['src/metrics/steers.ts', 'adapters-speak-the-words-of-the-core'],
  ['src/queue/nosy.ts', 'adapters-know-the-core-only'],
  ['src/readiness/nosy.ts', 'readiness-knows-nobody'],
  ['src/rollout/advance.ts', 'core-knows-no-outside'],
  ['src/rollout/decide.ts', 'pure-files-stay-pure'],
  ['src/rollout/service.ts', 'core-knows-no-outside'],
  ['src/rollout/sweep.ts', 'core-knows-no-outside'],
  ['src/sandbox/cheats.ts', 'sandbox-knows-nobody'],
  ['src/store/borrows.ts', 'packages-are-declared'],
  ['src/store/buys-in-bulk.ts', 'no-barrels'],
  ['src/store/calls-a-face.ts', 'adapters-know-the-core-only'],
  ['src/store/climbs.ts', 'adapters-know-the-core-only nobody-knows-the-roof'],
  ['src/store/egg.ts', 'no-circles'],
  ['src/store/lost.ts', 'nothing-missing'],
  ['src/store/needs-a-test.ts', 'product-stands-alone'],
  ['src/store/ships-a-test-tool.ts', 'no-development-packages'],
  ['src/traffic/host.ts', 'pure-files-stay-pure'],
  ['src/traffic/plays.ts', 'adapters-know-the-core-only nobody-knows-the-sandbox'],
  ['src/utils/text.ts', 'every-file-has-a-place'],
] as const;

describe('the import rules', () => {
  it.each(refused)('refuse what %s does: %s', (file, rules) => {
    expect(violationsOf(trespasses, file)).toBe(rules);
  });

  it('refuse nothing else among the samples', () => {
    const files = new Set(trespasses.summary.violations.map(({ from }) => from));
    expect([...files].sort()).toEqual(refused.map(([file]) => file));
  });

  it('have a sample that breaks each of them', () => {
    const broken = new Set(refused.flatMap(([, rules]) => rules.split(' ')));
    const rules = product.summary.ruleSetUsed.forbidden.map(({ name }) => name);
    expect([...broken].sort()).toEqual(rules.sort());
  });
});

describe('the source', () => {
  it('keeps every import rule', () => {
    expect(product.summary.violations).toEqual([]);
  });

  it('is seen by the import rules to the last file', async () => {
    const seen = product.modules.map(({ source }) => source).filter((path) => path.startsWith('src/'));
    expect(seen.sort()).toEqual(await sourceFiles());
  });

  it.each(['analysis', 'rollout', 'traffic', 'metrics'])('has pure files in %s', async (folder) => {
    const pure = purePattern(product);
    const files = await sourceFiles();
    expect(files.filter((path) => path.startsWith(`src/${folder}/`) && pure.test(path))).not.toEqual([]);
  });
});

function violationsOf({ summary }: Cruise, file: string): string {
  const names = summary.violations.filter(({ from }) => from === file).map(({ rule }) => rule.name);
  return [...new Set(names)].sort().join(' ');
}

async function sourceFiles(): Promise<string[]> {
  const entries = await readdir(join(root, 'src'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}
