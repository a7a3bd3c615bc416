import { nearest } from '../known-names.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { helpFor, overview } from './help.ts';
import { complain, type Terminal } from './terminal.ts';

/** Runs the command that the words name; answers the exit code. Faults of use are said, never thrown. */
export async function run(args: string[], terminal: Terminal): Promise<ExitCode> {
  const words = args[0] === '--help' || args[0] === '-h' ? ['help', ...args.slice(1)] : args;
  if (words[0] === 'help') return help(words.slice(1), terminal);
  const command = commandIn(words);
  if (command === null) return incomplete(words, terminal) ?? unknownCommand(words, terminal);
  const rest = words.slice(command.words.length);
  if (rest.includes('--help') || rest.includes('-h')) return help([...command.words], terminal);
  try {
    return await command.run(rest, terminal);
  } catch (error) {
    if (!isUsage(error)) throw error;
    complain(terminal, error.message, `canaryd help ${command.words.join(' ')}`);
    return exitCodes.usage;
  }
}

function commandIn(words: string[]): Command | null {
  return commands.find((command) => command.words.every((word, index) => words[index] === word)) ?? null;
}

function help(words: string[], terminal: Terminal): ExitCode {
  const command = commandIn(words) ?? onlyCommandOf(words);
  if (words.length > 0 && command === null) return unknownCommand(words, terminal);
  terminal.out(command === null ? overview(commands) : helpFor(command));
  return exitCodes.done;
}

/** The one command that begins with this word, where nothing but options follows it. */
function onlyCommandOf([first, second]: string[]): Command | null {
  if (second !== undefined && !second.startsWith('-')) return null;
  const [command, ...others] = commands.filter(({ words }) => words[0] === first);
  return command !== undefined && others.length === 0 ? command : null;
}

/** Half a command: what the whole one takes says more than that there is none. */
function incomplete(words: string[], terminal: Terminal): ExitCode | null {
  const command = onlyCommandOf(words);
  if (command === null) return null;
  if (words.includes('--help') || words.includes('-h')) return help([...command.words], terminal);
  terminal.err(helpFor(command));
  return exitCodes.usage;
}

function unknownCommand(words: string[], terminal: Terminal): ExitCode {
  if (words.length === 0) {
    terminal.err(overview(commands));
    return exitCodes.usage;
  }
  const written = words.slice(0, 2).join(' ').slice(0, 60);
  const names = commands.map((command) => command.words.join(' '));
  const meant = nearest(written, names) ?? nearest(words[0] ?? '', names);
  complain(
    terminal,
    `there is no command "${written}".`,
    meant === null ? 'canaryd help' : `canaryd ${meant} (or canaryd help)`,
  );
  return exitCodes.usage;
}

/** What `parseArgs` of Node throws when options are wrong. */
function isUsage(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
