import { describe, expect, it } from 'vitest';
import { modeOf, readOptions } from '../../demo/options.ts';

const none = { once: false, json: false, script: false, plain: false, ascii: false, seed: 1 };
const utf8 = { LANG: 'en_US.UTF-8', TERM: 'xterm-256color' };

describe('the demo on a terminal', () => {
  it('is live, in colour and Unicode', () => {
    expect(modeOf(none, utf8, true)).toEqual({
      kind: 'live',
      view: 'screen',
      look: { colour: true, ascii: false },
    });
  });

  it.each([
    ['--once', { ...none, once: true }, utf8],
    ['--json', { ...none, json: true }, utf8],
    ['--script', { ...none, script: true }, utf8],
    ['CI', none, { ...utf8, CI: 'true' }],
  ])('plays its script for %s', (_why, options, env) => {
    expect(modeOf(options, env, true)).toEqual({ kind: 'script' });
  });

  it.each([
    ['--plain', { ...none, plain: true }, utf8],
    ['a dumb terminal', none, { ...utf8, TERM: 'dumb' }],
  ])('prints plain lines for %s', (_why, options, env) => {
    expect(modeOf(options, env, true)).toMatchObject({ kind: 'live', view: 'plain' });
  });

  it.each([
    ['1', false],
    ['', true],
  ])('has no colours when NO_COLOR is %j: %s', (value, colour) => {
    expect(modeOf(none, { ...utf8, NO_COLOR: value }, true)).toMatchObject({
      view: 'screen',
      look: { colour },
    });
  });

  it.each([
    [{ LANG: 'C' }, true],
    [{}, true],
    [{ LANG: 'C.UTF-8' }, false],
    [{ LANG: 'en_US.utf8' }, false],
    [{ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, true],
    [{ LANG: 'C', LC_CTYPE: 'de_DE.UTF-8' }, false],
  ])('draws in ASCII where the locale %j says so: %s', (env, ascii) => {
    expect(modeOf(none, env, true)).toMatchObject({ look: { ascii } });
  });

  it('draws in ASCII for --ascii', () => {
    expect(modeOf({ ...none, ascii: true }, utf8, true)).toMatchObject({ look: { ascii: true } });
  });

  it('plays its script without a terminal', () => {
    expect(modeOf(none, utf8, false)).toEqual({ kind: 'script' });
  });
});

describe('the options of the demo', () => {
  it('are read', () => {
    expect(readOptions(['--once', '--json', '--seed', '7'], () => undefined)).toEqual({
      ...none,
      once: true,
      json: true,
      seed: 7,
    });
  });

  it.each([
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['--seed', 'x'], '--seed takes a whole number'],
    [['--help'], 'npm run demo'],
  ])('are refused with what is wrong and the usage: %j', (args, words) => {
    const said: string[] = [];
    expect(readOptions(args, (text) => said.push(text))).toBeNull();
    expect(said.join('')).toContain(words);
    expect(said.join('')).toContain('npm run demo -- --plain');
  });
});
