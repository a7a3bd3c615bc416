import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { furtherVariables, Settings, variables } from '../../src/config/settings.ts';
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

describe('the page on configuration', async () => {
  const page = await readFile(join(root, 'docs/guides/configure.md'), 'utf8');

  it('has every key with its variable, its default and its meaning, and no other', () => {
    const described = [...page.matchAll(/^\| `([a-zA-Z.[\]]+)` \| (.*) \|$/gm)].map(([, key, rest]) => [
      key,
      rest,
    ]);
    const known = keysOf(z.toJSONSchema(Settings, { io: 'input', unrepresentable: 'any' }), '', true);
    expect(described).toEqual(known);
  });

  it('names every variable', () => {
    const read = [...Object.keys(variables), ...furtherVariables];
    const named = [...page.matchAll(/^\|.*?`((?:[A-Z]+_)+[A-Z]+)` \|/gm)].map(([, name]) => name);
    expect(named.toSorted()).toEqual(read.toSorted());
  });

  it('shows a file with two clusters that canaryd accepts', () => {
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    expect(Settings.parse(parse(example)).clusters.map(({ name }) => name)).toEqual(['eu', 'us']);
  });
});

type Node = z.core.JSONSchema.BaseSchema;

/** One row for each key: its path, and its variable, default and meaning as the table writes them. */
function keysOf(node: Node, path: string, isNeeded: boolean): [string, string][] {
  const { properties, items } = node;
  if (items !== undefined && typeof items === 'object' && !Array.isArray(items))
    return keysOf(items, `${path}[]`, isNeeded);
  if (properties === undefined)
    return [[path, rowOf([variableIn(path), defaultOf(node, isNeeded, path), node.description ?? ''])]];
  return Object.entries(properties).flatMap(([key, inner]) => {
    if (typeof inner === 'boolean') return [];
    // What belongs to something that may be left out may be left out with it.
    const isNeededHere = isNeeded && (node.required?.includes(key) ?? false);
    return keysOf(inner, path === '' ? key : `${path}.${key}`, isNeededHere);
  });
}

/** Cells behind the first, as a table writes them. */
function rowOf(cells: string[]): string {
  return cells.join(' | ').replaceAll('|  |', '| |').trimStart();
}

/** These may stand in a file of their own instead, and so the schema alone does not need them. */
const neededSomewhere = ['databaseUrl', 'tokensFile'];

function defaultOf({ default: value }: Node, isNeeded: boolean, path: string): string {
  if (value !== undefined) return `\`${typeof value === 'object' ? JSON.stringify(value) : value}\``;
  return isNeeded || neededSomewhere.includes(path) ? 'needed' : '';
}

function variableIn(path: string): string {
  const found = Object.entries(variables).find(
    ([, keys]) => keys.join('.').replace('clusters.0', 'clusters[]') === path,
  );
  return found === undefined ? '' : `\`${found[0]}\``;
}

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
