import { chmod, mkdir, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closedFolder } from '../../local/closed-folder.ts';

let home = '';
let owner = { uid: 0, gid: 0 };
beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'canaryd-closed-')));
  const { uid, gid } = await stat(home);
  owner = { uid, gid };
  await mkdir(join(home, 'project', 'bin'), { recursive: true });
  await writeFile(join(home, 'project', 'bin', 'initdb'), '');
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

it.each([
  ['only its owner may enter', 0o700, 'somebody', true],
  ['only its owner may enter', 0o700, 'owner', false],
  ['only its group may enter', 0o710, 'somebody', true],
  ['only its group may enter', 0o710, 'group', false],
  ['all may enter but not read', 0o711, 'somebody', false],
  ['all may enter', 0o755, 'somebody', false],
] as const)('a folder that %s (%o) is closed to the %s: %s', async (_what, mode, who, isClosed) => {
  await chmod(home, 0o755);
  const folder = join(home, 'project');
  await chmod(folder, mode);
  const users = {
    owner,
    group: { uid: owner.uid + 1, gid: owner.gid },
    somebody: { uid: owner.uid + 1, gid: owner.gid + 1 },
  };
  expect(await closedFolder(join(folder, 'bin', 'initdb'), users[who])).toBe(isClosed ? folder : null);
});

it('the outermost closed folder is the one to open', async () => {
  await chmod(home, 0o700);
  await chmod(join(home, 'project'), 0o700);
  const somebody = { uid: owner.uid + 1, gid: owner.gid + 1 };
  expect(await closedFolder(join(home, 'project', 'bin', 'initdb'), somebody)).toBe(home);
});
