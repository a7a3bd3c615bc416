import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './cruise.ts';

const pages = await pagesOf();

describe('every page of the documentation', () => {
  it.each(pages)('has links that lead somewhere: %s', async (page) => {
    const text = await readFile(join(root, page), 'utf8');
    const broken = [];
    for (const link of relativeLinks(text)) {
      if (!(await leadsSomewhere(page, link))) broken.push(link);
    }
    expect(broken).toEqual([]);
  });

  it.each(pages)('has commands and answers that fit a terminal of 80 columns: %s', async (page) => {
    const text = await readFile(join(root, page), 'utf8');
    const blocks = [...text.matchAll(/^ *```(?:sh|text|json|yaml)\n([\s\S]*?)^ *```$/gm)];
    const lines = blocks.flatMap(([, block = '']) => block.split('\n'));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });
});

describe('the page on configuration', () => {
  it('names every setting and no other', async () => {
    const source = await readFile(join(root, 'src/config.ts'), 'utf8');
    const page = await readFile(join(root, 'docs/configuration.md'), 'utf8');
    const read = [...source.matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name]) => name);
    const described = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect(described.toSorted()).toEqual(read.toSorted());
  });
});

async function pagesOf(): Promise<string[]> {
  const top = await readdir(root);
  const docs = await readdir(join(root, 'docs'), { recursive: true });
  const all = [...top, ...docs.map((path) => `docs/${path}`), 'src/sandbox/README.md'];
  return all.filter((path) => path.endsWith('.md')).sort();
}

/** Targets of Markdown links outside of code, without those that leave the repository. */
function relativeLinks(text: string): string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

async function leadsSomewhere(page: string, link: string): Promise<boolean> {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, page) : join(root, dirname(page), path);
  if (!existsSync(target)) return false;
  return anchor === undefined || anchorsOf(await readFile(target, 'utf8')).includes(anchor);
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
