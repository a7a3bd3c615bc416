import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';

/** The server's program: it stands beside this folder, as source or as built. */
const program = fileURLToPath(
  new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

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
  run: (args, { env, out, err }) =>
    new Promise((settle, reject) => {
      const child = spawn(process.execPath, [...process.execArgv, program, 'doctor', ...args], { env });
      child.stdout.on('data', (chunk: Buffer) => out(chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => err(chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => settle(endings.find((ending) => ending === code) ?? exitCodes.unexpected));
    }),
};

const endings = [exitCodes.done, exitCodes.unexpected, exitCodes.usage] as const;
