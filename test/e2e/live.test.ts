import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../local/stack.ts';
import { demoMesh, joined } from '../../src/sandbox/demo-mesh.ts';
import { fixedNamesMesh } from '../../src/sandbox/fixed-names-mesh.ts';
import type { Access } from './ask.ts';
import { begin, briefPlan, payment, refund, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const patience = 120_000;
const root = join(import.meta.dirname, '../..');

let stack: Stack;
let folder: string;

beforeAll(async () => {
  const mesh = joined([demoMesh(), fixedNamesMesh('refund-service')]);
  const others = [{ kind: 'machine' as const, name: 'ci' }];
  stack = await startStack({ seed: 23, say: () => undefined, mesh, others });
  folder = await mkdtemp(join(tmpdir(), 'canaryd-live-'));
}, patience);

afterAll(async () => {
  await stack?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}, 60_000);

type Frame = { id: number | null; event: string; data: string };

/** What curl shows of a stream of events; `done` is over when curl has ended. */
function listen({ api, token }: Access, path: string, lastEventId?: number) {
  const headers = [`Authorization: Bearer ${token}`, 'Accept: text/event-stream'];
  if (lastEventId !== undefined) headers.push(`Last-Event-ID: ${lastEventId}`);
  const args = ['-sS', '-N', '--max-time', '90', ...headers.flatMap((header) => ['-H', header])];
  const curl = spawn('curl', [...args, '-w', '\n\nhttp: %{http_code}', `${api}${path}`]);
  let shown = '';
  curl.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  return {
    frames: () => framesIn(shown),
    shown: () => shown,
    done: once(curl, 'close').then(([code]) => code),
    cut: () => cut(curl),
  };
}

async function cut(curl: ChildProcess): Promise<void> {
  const gone = once(curl, 'close');
  curl.kill('SIGKILL');
  await gone;
}

/** Only whole frames count: one that was cut in the middle was not received. */
function framesIn(shown: string): Frame[] {
  const whole = shown.split('\n\n').slice(0, -1);
  return whole.flatMap((frame) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
    const [id, event, data = ''] = [field('id'), field('event'), field('data')];
    return event === undefined ? [] : [{ id: id === undefined ? null : Number(id), event, data }];
  });
}

function idsOf(frames: Frame[]): number[] {
  return frames.flatMap(({ id }) => (id === null ? [] : [id]));
}

/** Three services, so the stories are told side by side. */
describe.concurrent('whoever listens to a release', () => {
  it(
    'sees with one curl all that happens, from the first row to the end',
    async () => {
      const rollout = await begin(stack, { target: payment('v2'), plan: briefPlan });
      const listening = listen(stack, `${rollout.path}/events`);
      expect(await listening.done).toBe(0);
      const frames = listening.frames();
      expect(frames.at(0)).toMatchObject({ id: null, event: 'snapshot' });
      expect(frames.at(-1)).toMatchObject({ id: null, event: 'end' });
      const rows = await rollout.events();
      const received = frames.slice(1, -1);
      expect(received.map(({ id, event }) => ({ id, event }))).toEqual(
        rows.map(({ seq, type }) => ({ id: seq, event: type })),
      );
      expect(received.map(({ data }) => JSON.parse(data))).toEqual(rows);
      expect(rows.at(-1)?.type).toBe('rollout.succeeded');
    },
    patience,
  );

  it(
    'is cut off, goes on at another canaryd, and has every row once',
    async () => {
      const other = await stack.startAnother();
      const rollout = await begin(stack, { target: refund, plan: briefPlan });
      const path = `${rollout.path}/events`;
      const first = listen(stack, path);
      await waitUntil('a weight', () => first.frames().some(({ event }) => event === 'weight.applied'));
      await first.cut();
      const before = idsOf(first.frames());
      await rollout.untilWeight(100);
      const elsewhere = { api: other.url, token: stack.token };
      const second = listen(elsewhere, path, before.at(-1) ?? 0);
      expect(await second.done).toBe(0);
      expect(second.frames().at(-1)?.event).toBe('end');
      const rows = await rollout.events();
      expect([...before, ...idsOf(second.frames())]).toEqual(rows.map(({ seq }) => seq));
      const third = listen(elsewhere, path, rows.at(-1)?.seq ?? 0);
      expect(await third.done).toBe(0);
      expect(third.shown().trim()).toBe('http: 204');
    },
    patience,
  );

  it(
    "waits with the guide's loop for one that fails, and exits with 3",
    async () => {
      stack.sandbox.setVersion('ledger', 'green', { errorRate: 0.5 });
      const target = { namespace: 'ledger-prod', virtualService: 'ledger' };
      const { code, said } = await waitInPipeline({ target, plan: briefPlan });
      expect(said.at(0)).toMatch(/^exit=3 status=rolled_back$/);
      expect(said.join('\n')).toMatch(/5xx (ratio )?of the canary/);
      expect(code).toBe(3);
      expect(weights(stack, 'ledger')).toEqual({ blue: 100, green: 0 });
    },
    patience,
  );
});

/** Runs the script of the guide as a pipeline's machine does. */
async function waitInPipeline(rollout: object) {
  const guide = await readFile(join(root, 'docs/guides/wait-for-a-rollout.md'), 'utf8');
  const script = /<!-- wait -->\n```sh\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
  await writeFile(join(folder, 'wait.sh'), script);
  await writeFile(join(folder, 'rollout.json'), JSON.stringify(rollout));
  const env = {
    ...process.env,
    API: stack.api,
    TOKEN: stack.tokenOf('ci'),
    KEY: 'release-1',
    PAUSE: '1',
  };
  const shell = spawn('sh', ['wait.sh', 'rollout.json'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 100_000,
  });
  const [shown, [code]] = await Promise.all([text(shell.stdout), once(shell, 'close')]);
  return { code, said: shown.trim().split('\n') };
}
