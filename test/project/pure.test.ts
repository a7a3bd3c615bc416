import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cruise, purePattern, root } from './cruise.ts';
import { hiddenInputs } from './hidden-inputs.ts';

const product = await cruise(root);
const files = product.modules.map(({ source }) => source).filter((path) => path.startsWith('src/'));
const pure = purePattern(product);

describe('a pure file', () => {
  it.each(
    files.filter((path) => pure.test(path)),
  )('takes time, chance and facts as arguments: %s', async (path) => {
    expect(hiddenInputs(await readFile(join(root, path), 'utf8'))).toEqual([]);
  });
});

describe('the environment', () => {
  it('is read by nobody but main, which hands it to the configuration', async () => {
    const readers = [];
    for (const path of files.filter((file) => !file.startsWith('src/sandbox/'))) {
      if (/\bprocess\.env\b/.test(await readFile(join(root, path), 'utf8'))) readers.push(path);
    }
    expect(readers).toEqual(['src/cli/main.ts', 'src/main.ts']);
  });
});

describe('the search for hidden inputs', () => {
  it.each([
    ['const now = Date.now();', '1: Date.now'],
    ['const now = new Date();', '1: the present Date'],
    ['const now = new Date;', '1: the present Date'],
    ['const now = Date();', '1: the present Date'],
    ['const dice = Math.random();', '1: Math.random'],
    ["import { randomUUID } from 'node:crypto';", '1: node:crypto'],
    ['const id = crypto.randomUUID();', '1: crypto'],
    ['const at = performance.now();', '1: performance'],
    ['\nsetTimeout(ring, 10);', '2: setTimeout'],
    ['const signal = AbortSignal.timeout(10);', '1: AbortSignal.timeout'],
    ["const home = process.env['HOME'];", '1: process'],
    ['const page = await fetch(url);', '1: fetch'],
    ['const here = globalThis.Date;', '1: globalThis'],
    ["const fs = await import('node:fs');", '1: import()'],
    ['const here = import.meta.url;', '1: import.meta'],
  ])('finds %j', (text, found) => {
    expect(hiddenInputs(text)).toContain(found);
  });

  it.each([
    'const then = new Date(0);',
    'const rounded = Math.round(1.5);',
    'const got = door.fetch(1);',
    'const door = { fetch: open };',
    "const text = 'Date.now()'; // never Date.now()",
    'type Turn = { process: string; signal: AbortSignal };',
  ])('lets %j pass', (text) => {
    expect(hiddenInputs(text)).toEqual([]);
  });
});
