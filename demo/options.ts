import { parseArgs } from 'node:util';
import type { Look } from './live/screen-state.ts';

const usage = `npm run demo                       a live view that takes keys; --script without a terminal or in CI
npm run demo -- --plain            the live view as plain lines, with the same keys
npm run demo -- --ascii            the live view in ASCII
npm run demo -- --script           four scripted releases, then stays up until Ctrl-C
npm run demo -- --once             the same, ends after them
npm run demo -- --once --json      the same again, as JSON lines, a summary last
npm run demo -- --seed 7           other traffic (default 1)
`;

export type Options = {
  once: boolean;
  json: boolean;
  script: boolean;
  plain: boolean;
  ascii: boolean;
  seed: number;
};

/** The options of the command line; null after having said what is wrong with them, or after `--help`. */
export function readOptions(args: string[], say: (text: string) => void): Options | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        script: { type: 'boolean', default: false },
        plain: { type: 'boolean', default: false },
        ascii: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        help: { type: 'boolean', default: false },
      },
    });
    const { once, json, script, plain, ascii } = values;
    const seed = Number(values.seed);
    if (!values.help && Number.isInteger(seed)) return { once, json, script, plain, ascii, seed };
    if (!values.help) say('--seed takes a whole number\n');
  } catch (error) {
    say(`${error instanceof Error ? error.message.split('. ')[0] : 'unknown option'}\n`);
  }
  say(usage);
  return null;
}

/** How the demo shows itself: a scripted play, or live with keys. */
export type Mode = { kind: 'script' } | { kind: 'live'; view: 'screen' | 'plain'; look: Look };

type Environment = Record<string, string | undefined>;

/**
 * A script for `--script`, `--once` and `--json`, and where nobody can press keys: no terminal, CI. Otherwise live: in
 * plain lines for `--plain` and a dumb terminal, without colours when `NO_COLOR` is set and not empty (no-color.org),
 * and in ASCII for `--ascii` and where the locale is not UTF-8.
 */
export function modeOf(
  { once, json, script, plain, ascii }: Options,
  env: Environment,
  isTerminal: boolean,
): Mode {
  const isCi = (env['CI'] ?? '') !== '' && env['CI'] !== 'false';
  if (once || json || script || isCi || !isTerminal) return { kind: 'script' };
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  const look = { colour: (env['NO_COLOR'] ?? '') === '', ascii: ascii || !/utf-?8/i.test(locale) };
  return { kind: 'live', view: plain || env['TERM'] === 'dumb' ? 'plain' : 'screen', look };
}
