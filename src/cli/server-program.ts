import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Terminal } from './terminal.ts';

/** The server's program: it stands beside this folder, as source or as built. */
const program = fileURLToPath(
  new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);

/**
 * Runs the server's program with these words and this environment; it may ask who sits at the terminal.
 * @returns its exit code, or null when a signal ended it
 */
export function runServerProgram(words: string[], { env, out, err }: Terminal): Promise<number | null> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, program, ...words], {
      env,
      stdio: ['inherit', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk: Buffer) => out(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => err(chunk.toString()));
    child.on('error', reject);
    child.on('close', settle);
  });
}
