import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { runServerProgram } from './server-program.ts';

/** `canaryd judge replay`: judges as a rollout does, which the server's program knows how to. */
export const judgeReplay: Command = {
  words: ['judge', 'replay'],
  parameters: '--plan=FILE --input=FILE [--json | --table]',
  summary: 'Lets both judges look at recorded polls, and says when each would roll back.',
  help: [
    'Reads a plan (alone or in the file of a rollout: YAML, or JSON when its name',
    'ends in .json) and recorded requests of canary and stable (JSON or lines of',
    'JSON: docs/guides/judge-replay.md has the form). The threshold judge goes by the',
    'checks of the plan, the sequential one compares canary and stable poll by poll.',
    'Asks nobody and needs no configuration.',
    '',
    'Options:',
    '  --plan=FILE   the plan that both judges go by',
    '  --input=FILE  the recording',
    '  --json        a line of JSON for each poll, then one with both verdicts: what',
    '                is printed where nobody sits at a terminal',
    '  --table       a table and two sentences: what is printed at a terminal',
    '',
    'Exit codes:',
    '  0 the judge of the plan rolls nothing back  2 usage  3 it would have rolled',
    '  back  6 the plan or the recording is wrong: each fault is on stderr',
  ],
  asksServer: false,
  run: async (args, terminal) => {
    // The program itself writes into a pipe, and cannot know who reads.
    const isOpen = terminal.isTerminal === true && !args.includes('--json') && !args.includes('--table');
    const words = ['judge', 'replay', ...args, ...(isOpen ? ['--table'] : [])];
    const code = await runServerProgram(words, terminal);
    return endings.find((ending) => ending === code) ?? exitCodes.unexpected;
  },
};

const endings = [exitCodes.done, exitCodes.usage, exitCodes.rolledBack, exitCodes.invalid] as const;
