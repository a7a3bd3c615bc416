import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const root = join(import.meta.dirname, '..');

/** What each part says, the program in node_modules that finds out, and its arguments. */
const parts: [name: string, program: string, args: string[]][] = [
  ['types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']],
  ['format and lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings']],
  [
    'imports',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ['src', 'test', 'demo', 'local', 'bench', 'vitest.config.ts'],
  ],
  ['nothing unused', 'knip/bin/knip.js', ['--no-progress']],
  ['project and openapi.yaml', 'vitest/vitest.mjs', ['run', 'test/project', 'test/api/contract.test.ts']],
];

// Whoever runs every test afterwards need not run these twice.
const wanted = process.argv.includes('--without-tests')
  ? parts.filter(([, program]) => program !== 'vitest/vitest.mjs')
  : parts;
const failed: string[] = [];
const left = [...wanted];
await Promise.all([work(), work()]);
console.log(failed.length === 0 ? 'Every check passed.' : `Failed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Two at once: each keeps one core busy. */
async function work(): Promise<void> {
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (!(await passes(...part))) failed.push(part[0]);
  }
}

async function passes(name: string, program: string, args: string[]): Promise<boolean> {
  const started = Date.now();
  const child = spawn(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (code !== 0) console.log(`${said}${complained}`.trimEnd());
  return code === 0;
}
