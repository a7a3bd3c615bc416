import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** One command of `canaryd`. */
export type Command = {
  /** What is typed after `canaryd`. */
  words: readonly string[];
  /** What follows the words. */
  parameters: string;
  summary: string;
  /** More lines for `canaryd help <command>`, each of at most 80 columns. */
  help: readonly string[];
  /** False where it needs no `CANARYD_URL` and says its own exit codes. */
  asksServer: boolean;
  run(args: string[], terminal: Terminal): Promise<ExitCode>;
};
