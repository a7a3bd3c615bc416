import type { Command } from './command.ts';
import { wrapped } from './terminal.ts';

const environment = [
  'Environment:',
  '  CANARYD_URL    where canaryd answers; http://127.0.0.1:8080 without it',
  '  CANARYD_TOKEN  a token from the configuration of canaryd',
  '',
  'Exit codes:',
  '  0 done  2 usage  6 invalid, no traffic touched  7 conflict',
  '  11 not signed in  12 canaryd not reached',
];

/** All commands with one line each. */
export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ words, summary }) => ({ name: words.join(' '), summary }));
  const all = [...rows, { name: 'help [command]', summary: 'What a command does and takes.' }];
  const width = Math.max(...all.map(({ name }) => name.length)) + 2;
  const lines = all.map(({ name, summary }) => wrapped(`  ${name.padEnd(width)}${summary}`, width + 2));
  return `${['Usage: canaryd <command>', '', ...lines, '', ...environment].join('\n')}\n`;
}

/** What one command does and takes. */
export function helpFor({ words, parameters, summary, help, asksServer }: Command): string {
  const usage = ['Usage: canaryd', ...words, parameters].join(' ').trim();
  return `${[usage, '', wrapped(summary), ...(help.length > 0 ? ['', ...help] : []), ...(asksServer ? ['', ...environment] : [])].join('\n')}\n`;
}
