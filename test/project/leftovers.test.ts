import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { processesWith } from '../../local/leftovers.ts';

const mark = 'CANARYD_TEST_LEFTOVER';
const started: ChildProcess[] = [];
const env = (value: string) => ({ ...process.env, [mark]: value });

afterEach(async () => {
  for (const child of started.splice(0)) await end(child);
});

describe.skipIf(!existsSync('/proc'))('the search for processes that tests left running', () => {
  it('finds a child, and nothing once it has ended', async () => {
    const child = spawn('cat', { env: env('child'), stdio: ['pipe', 'ignore', 'ignore'] });
    started.push(child);
    await once(child, 'spawn');
    expect(await processesWith(mark, 'child')).toEqual([{ pid: child.pid, command: 'cat' }]);
    await end(child);
    expect(await processesWith(mark, 'child')).toEqual([]);
  });

  it('finds a process whose parent is gone', async () => {
    const orphan = `console.log('here'); setInterval(() => 0, 60_000)`;
    const shell = spawn('/bin/sh', ['-c', '"$0" -e "$1" & exit', process.execPath, orphan], {
      env: env('orphan'),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await Promise.all([once(shell, 'exit'), once(shell.stdout, 'data')]);
    const orphans = await processesWith(mark, 'orphan');
    for (const { pid } of orphans) process.kill(pid);
    expect(orphans).toHaveLength(1);
  });

  it('leaves alone what was started with another value', async () => {
    const child = spawn('cat', { env: env('one'), stdio: ['pipe', 'ignore', 'ignore'] });
    started.push(child);
    await once(child, 'spawn');
    expect(await processesWith(mark, 'on')).toEqual([]);
  });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, 'exit');
  child.stdin?.end();
  await gone;
}
