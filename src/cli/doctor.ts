import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { runServerProgram } from './server-program.ts';

/** `canaryd doctor`: asks with the server's own configuration, so the server's program does it. */
export const doctor: Command = {
  words: ['doctor'],
  parameters: '[--json] [--target=NAMESPACE/VIRTUALSERVICE]',
  summary: 'Checks the configuration of the server and everything it leads to.',
  help: [
    'Reads the environment and the file that CANARYD_CONFIG names, as the server',
    'does, and changes nothing. Where a setting is wrong it checks the others.',
    '',
    'Options:',
    '  --json         one line of JSON: ok, and checks with level, what and says',
    '  --target=NAMESPACE/VIRTUALSERVICE',
    '                 asks for the rights on this VirtualService instead of those',
    '                 in all namespaces',
    '',
    'Exit codes:',
    '  0 nothing has to be mended (warnings may stand)  1 something has to be',
    '  mended  2 usage',
  ],
  asksServer: false,
  run: async (args, terminal) => {
    const code = await runServerProgram(['doctor', ...args], terminal);
    return endings.find((ending) => ending === code) ?? exitCodes.unexpected;
  },
};

const endings = [exitCodes.done, exitCodes.unexpected, exitCodes.usage] as const;
