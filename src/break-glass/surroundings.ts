import { createInterface } from 'node:readline/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Surroundings } from './break-glass.ts';

type Streams = {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
};

/** The surroundings of a process. The question goes to stderr, so that stdout may be piped. */
export function surroundingsOf(
  environment: Record<string, string | undefined>,
  { stdin, stdout, stderr }: Streams,
): Surroundings {
  return {
    environment,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    ask: stdin.isTTY === true ? (question) => askOn(stdin, stderr, question) : null,
    now: Date.now,
    pause: (ms) => wait(ms),
    budgetMs: 15_000,
  };
}

/** Asks for one line; the end of the input is an answer, too: an empty one. */
export async function askOn(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  question: string,
): Promise<string> {
  const lines = createInterface({ input, output });
  const closed = new Promise<null>((resolve) => lines.once('close', () => resolve(null)));
  try {
    const answer = await Promise.race([lines.question(question), closed]);
    // Ctrl-C and Ctrl-D leave the cursor behind the question.
    if (answer === null) output.write('\n');
    return answer ?? '';
  } finally {
    lines.close();
  }
}
