import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';

const Package = z.object({ version: z.string() });

/** `canaryd version`. */
export const version: Command = {
  words: ['version'],
  parameters: '',
  summary: 'Prints the version of this command.',
  help: [],
  asksServer: false,
  run: async (_args, terminal) => {
    const written: unknown = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    );
    terminal.out(`canaryd ${Package.parse(written).version} (Node ${process.version})\n`);
    return exitCodes.done;
  },
};
