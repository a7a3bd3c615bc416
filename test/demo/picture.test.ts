import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pictureOf } from '../../demo/picture/draw.ts';
import { svgOf } from '../../demo/picture/svg.ts';
import { piece } from '../../demo/screen/line.ts';
import { ScreenState } from '../../demo/screen/state.ts';
import { root } from '../project/cruise.ts';

const picture = (name: string) => readFile(join(root, 'docs/pictures', name), 'utf8');

describe('the picture in the README', () => {
  it('is what the live view of today shows of the state that it was made of: else run "npm run picture"', async () => {
    const state = ScreenState.parse(JSON.parse(await picture('demo.json')));
    expect(await picture('demo.svg')).toBe(pictureOf(state));
  });

  it('shows a rollback that happened', async () => {
    const state = ScreenState.parse(JSON.parse(await picture('demo.json')));
    expect(state.release?.status).toBe('rolled_back');
    expect(await picture('demo.svg')).toContain('ROLLED BACK');
  });

  it('is small, loads nothing and runs nothing', async () => {
    const svg = await picture('demo.svg');
    expect(svg.length).toBeLessThan(60_000);
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|href|url\(|<script|@import| on\w+=/,
    );
  });

  it('stands in the README', async () => {
    expect(await readFile(join(root, 'README.md'), 'utf8')).toContain('](docs/pictures/demo.svg)');
  });
});

describe('a picture', () => {
  it('holds every text as text, whatever stands in it', () => {
    const svg = svgOf([[piece('<b>&"quoted"\u0001</b>', 'bad')]], 40, 'a < b & "c"');
    expect(svg).toContain('>&lt;b&gt;&amp;&quot;quoted&quot;?&lt;/b&gt;</text>');
    expect(svg).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
  });

  it('holds nothing that XML cannot hold', () => {
    const svg = svgOf([[{ text: 'a\u0000b\ud800c\uffffd', style: 'plain' }]], 40, '');
    expect(svg).toContain('>a?b?c?d</text>');
  });

  it('keeps the columns, behind blanks and wide characters, too', () => {
    const svg = svgOf([[piece('版本'), piece('   a  b')]], 40, '');
    const found = [
      ...svg.matchAll(/x="([\d.]+)" y="\d+" class="plain" textLength="([\d.]+)"[^>]*>([^<]*)</g),
    ];
    expect(found.map(([, x, length, text]) => [text, x, length])).toEqual([
      ['版本', '16', '33.6'],
      ['a', '74.8', '8.4'],
      ['b', '100', '8.4'],
    ]);
  });
});
