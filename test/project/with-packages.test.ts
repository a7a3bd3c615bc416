import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const run = promisify(execFile);
const program = new URL('../../local/with-packages.mjs', import.meta.url);
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'canaryd-packages-'));
});
afterEach(() => rm(root, { recursive: true }));

it('packages that a link leads to are not emptied by getting them anew', async () => {
  const [clone, shared, bin] = ['clone', 'shared', 'bin'].map((name) => join(root, name));
  if (clone === undefined || shared === undefined || bin === undefined) throw new Error('no paths');
  await mkdir(join(clone, 'local'), { recursive: true });
  await cp(program, join(clone, 'local', 'with-packages.mjs'));
  await writeFile(join(clone, 'package-lock.json'), '{}');
  await mkdir(shared);
  await writeFile(join(shared, 'of-others'), '');
  await symlink(shared, join(clone, 'node_modules'));
  await mkdir(bin);
  await writeFile(join(bin, 'npm'), `#!/bin/sh\nrm -f ${shared}/*\n`, { mode: 0o755 });
  const ended = await run(process.execPath, [join(clone, 'local', 'with-packages.mjs'), 'nothing.ts'], {
    env: { ...process.env, PATH: [bin, process.env['PATH']].join(delimiter) },
  }).catch((error: unknown) => error);
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('node_modules is a link') });
  expect(await readdir(shared)).toEqual(['of-others']);
});
