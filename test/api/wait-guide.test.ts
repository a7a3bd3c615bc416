import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { Timer } from '../../src/api/live/timer.ts';
import { AppError } from '../../src/errors.ts';
import type { State } from '../../src/rollout/state.ts';
import { api, ciToken } from './api.ts';
import { fakeService } from './fake-service.ts';
import { bodyAsWritten, rolledBack, rolloutId, rolloutIn, running } from './rollouts.ts';
import { listening } from './sse.ts';

const guide = new URL('../../docs/guides/wait-for-a-rollout.md', import.meta.url);
const closings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

/** A long poll is over at once, and nothing else ever is. */
const impatient: Timer = {
  after: (ms, act) => {
    const soon = ms === 50_000 ? setImmediate(act) : null;
    return () => {
      if (soon !== null) clearImmediate(soon);
    };
  },
};

/** A server on a port of its own, whose rollout stands at each question as it says; `down` is a lost database. */
async function serverWith(answers: (State | 'down')[]): Promise<string> {
  const service = fakeService();
  const app = api({ service, timer: impatient });
  app.addHook('onRequest', async (request) => {
    if (!request.url.includes('/status')) return;
    const answer = answers.shift() ?? running;
    service.broken = answer === 'down' ? new AppError('databaseUnavailable', 'down') : null;
    if (answer !== 'down') service.rollouts[0] = rolloutIn(answer);
  });
  closings.push(() => app.close());
  return listening(app);
}

/** Runs the guide's script as a pipeline would. */
async function run(url: string, token = ciToken) {
  const [, script = ''] = /<!-- wait -->\n```sh\n([\s\S]*?)```/.exec(await readFile(guide, 'utf8')) ?? [];
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-wait-'));
  closings.push(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'wait.sh'), script);
  await writeFile(join(folder, 'rollout.json'), JSON.stringify(bodyAsWritten));
  const env = { PATH: process.env['PATH'] ?? '', API: url, TOKEN: token, KEY: 'release-1', PAUSE: '0' };
  return promisify(execFile)('sh', ['wait.sh', 'rollout.json'], { cwd: folder, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code: Number(code), stdout: String(stdout), stderr: String(stderr) }),
  );
}

describe("the guide's script", () => {
  it('waits through a running rollout and a lost database, and exits with 3 when it was rolled back', async () => {
    const url = await serverWith([running, 'down', running, rolledBack]);
    const { code, stdout, stderr } = await run(url);
    expect(code).toBe(3);
    const heads = stdout.split('\n').filter((line) => line.startsWith('exit='));
    expect(heads).toEqual(['exit=8 status=running', 'exit=8 status=running', 'exit=3 status=rolled_back']);
    expect(stdout).toContain('412 ms');
    expect(stderr).toContain(rolloutId);
    expect(stderr).toContain('503');
  });

  it('exits with 0 when the rollout succeeded', async () => {
    const { code } = await run(await serverWith([{ kind: 'succeeded', at: 0 }]));
    expect(code).toBe(0);
  });

  it('exits with 6 and shows the problem when the rollout was not started', async () => {
    const { code, stderr } = await run(await serverWith([]), 'no-such-token-0123456789');
    expect(code).toBe(6);
    expect(stderr).toContain('/problems/unauthenticated');
  });

  it('exits with 12 when canaryd does not answer twenty times in a row', async () => {
    const { code, stderr } = await run(await serverWith(Array.from({ length: 20 }, () => 'down')));
    expect(code).toBe(12);
    expect(stderr).toContain('the rollout goes on without this job');
  });
});
