import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { allChecks } from '../../src/readiness/all-checks.ts';
import type { Check } from '../../src/readiness/check.ts';
import { Readiness } from '../../src/rollout/plan-readiness.ts';
import { root } from './cruise.ts';

const folder = join(root, 'docs/checks');
const families = [...new Set(allChecks.map(({ family }) => family))];
const known = new Set(allChecks.map(({ id }) => id));

async function pageOf(name: string): Promise<string> {
  return readFile(join(folder, `${name}.md`), 'utf8');
}

function idsIn(text: string): string[] {
  return [...new Set(text.match(/PF-[A-Z]{2}-\d{2}/g))];
}

/** The sections of a page by their headings, without what stands before the first. */
function sectionsOf(page: string): [heading: string, text: string][] {
  const [, ...sections] = `\n${page}`.split('\n## ');
  return sections.map((section) => {
    const [heading = '', ...lines] = section.split('\n');
    return [heading, lines.join('\n')];
  });
}

/** What stands below the heading of a check, as its definition says it. */
function factsOf({ severity, priority, again, codes }: Check): string {
  return [
    '',
    `- Severity: at most \`${severity}\``,
    `- Priority: ${priority}`,
    `- Asked: before the start${again ? ', and again before each raise' : ''}`,
    `- Kiali and istioctl: ${codes.length === 0 ? 'none' : codes.join(', ')}`,
    '',
  ].join('\n');
}

describe('the pages on readiness checks', () => {
  it('are one for each family, and one on all of them', async () => {
    const pages = [...families.map((family) => `${family}.md`), 'README.md'];
    expect((await readdir(folder)).toSorted()).toEqual(pages.toSorted());
  });

  describe.each(families)('%s', async (family) => {
    const page = await pageOf(family);
    const checks = allChecks.filter((check) => check.family === family);
    const sections = sectionsOf(page).filter(([heading]) => heading.startsWith('PF-'));

    it('has each check once, with its title, in the order in which they run', () => {
      expect(sections.map(([heading]) => heading)).toEqual(checks.map(({ id, title }) => `${id}: ${title}`));
    });

    it.each(
      checks.map((check, index) => [check.id, check, sections[index]?.[1] ?? ''] as const),
    )('says of %s what its definition says, what is asked, why, how to mend it, and when it is a false alarm', (_id, check, text) => {
      expect(text.startsWith(factsOf(check))).toBe(true);
      const words = [...text.matchAll(/^\*\*([A-Z][a-z ]+):\*\*/gm)].map(([, word]) => word);
      expect(words.filter((word) => word !== 'Severity in detail')).toEqual([
        'Asked',
        'Why',
        'Mend',
        'False alarm',
      ]);
    });

    it('names no check that there is not', () => {
      expect(idsIn(page).filter((id) => !known.has(id))).toEqual([]);
    });

    it('shows a waiver of one of its checks that a plan may hold', () => {
      const waivers = waiversIn(page);
      expect(waivers).toHaveLength(1);
      expect(checks.map(({ id }) => id)).toContain(waivers[0]?.check);
    });
  });

  it('say on the first of them what is not asked, and name no check that there is not', async () => {
    const page = await pageOf('README');
    expect(page).toMatch(/^## What is not asked\n\n\w/m);
    expect(idsIn(page).filter((id) => !known.has(id))).toEqual([]);
    expect(waiversIn(page)).toHaveLength(1);
  });

  it('link to the page of every family', async () => {
    const links = [...(await pageOf('README')).matchAll(/^\| \[([a-z-]+)\]\(\1\.md\)/gm)].map(
      ([, name]) => name,
    );
    expect(links).toEqual(families);
  });
});

/** Those of all plans that a page shows. */
function waiversIn(page: string) {
  const blocks = [...page.matchAll(/^```yaml\n(readiness:[\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const plans = blocks.map((block) => z.strictObject({ readiness: Readiness }).parse(parse(block)));
  return plans.flatMap(({ readiness }) => readiness.waivers ?? []);
}
