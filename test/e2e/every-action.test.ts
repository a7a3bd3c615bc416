import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Stack, startStack } from '../../local/stack.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { connectKube } from '../../src/traffic/kube.ts';
import type { PatchOperation } from '../../src/traffic/patch-operation.ts';
import { untilSeenAlone } from './prometheus.ts';
import { moveWeights, weights } from './release.ts';
import { differenceFrom, type RunbookBlock, runbookBlocks } from './runbook-blocks.ts';

const root = join(import.meta.dirname, '../..');
const minutes = 60_000;

let stack: Stack;
let folder: string;

beforeAll(async () => {
  stack = await startStack({ seed: 5, say: () => undefined });
  // What the demo leaves behind.
  moveWeights(stack, { v1: 0, v2: 100 });
  await untilSeenAlone(stack, 'v2');
  folder = await mkdtemp(join(tmpdir(), 'canaryd-readme-'));
}, 2 * minutes);

afterAll(async () => {
  await stack?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}, minutes);

describe('the guide with every action', () => {
  it(
    'shows commands that work, one after the other in one shell, and what they answer',
    async () => {
      const blocks = runbookBlocks(
        await readFile(join(root, 'docs/guides/every-action-with-curl.md'), 'utf8'),
      );
      const { code, outputs, complaint } = await runInOneShell(blocks);
      const faults = blocks.map(({ place, answer }, index) => {
        const output = outputs[index];
        if (output === undefined) return `${place}: it was not reached`;
        const fault = answer && differenceFrom(answer, output);
        return fault && `${place}: ${fault}\n${output}`;
      });
      expect(faults.filter((fault) => fault !== null).join('\n')).toBe('');
      expect({ code, complaint }).toEqual({ code: 0, complaint: '' });
      expect(weights(stack)).toEqual({ v1: 0, v2: 100, v3: 0 });
    },
    3 * minutes,
  );
});

describe('the runbook for an emergency without canaryd', () => {
  it('has a patch that is refused when the destinations stand in another order', async () => {
    inMidRollout();
    expect(await patchFromRunbook({ '"v2"': '"v9"' })).not.toBe('written');
    expect(routes().map(({ name }) => name)).toEqual(['canaryd-header', 'primary']);
  });

  it('has a patch that brings all traffic back to stable, and leaves a third destination its own', async () => {
    expect(await patchFromRunbook()).toBe('written');
    expect(routes().map(({ name }) => name)).toEqual(['primary']);
    expect(weights(stack)).toEqual({ v1: 90, v2: 0, v3: 10 });
  });
});

describe('the comparison of a page with what was answered', () => {
  const text = (shown: string) => ({ form: 'text' as const, shown });
  const json = (shown: string) => ({ form: 'json' as const, shown });

  it.each([
    [text('exit=0 ...\nAll traffic ...'), 'exit=0 status=succeeded\n\nAll traffic on v3.'],
    [json('{"a":{"b":1}}'), '{"a":{"b":1,"c":2},"d":3}'],
    [json('{"a":[1,"..."],"id":"ro_..."}'), 'HTTP/1.1 200 OK\n\n{"a":[1,2],"id":"ro_X"}'],
  ])('finds nothing wrong with %j', (answer, output) => {
    expect(differenceFrom(answer, output)).toBeNull();
  });

  it.each([
    [text('exit=0 ...'), 'exit=3 status=rolled_back'],
    [text('second\nfirst'), 'first\nsecond'],
    [text('a.c'), 'abc'],
    [json('{"a":{"b":1}}'), '{"a":{"b":2}}'],
    [json('{"a":1}'), '{}'],
    [json('{"a":[1]}'), '{"a":[1,2]}'],
    [json('{"a":1}'), 'no JSON at all'],
  ])('finds out %j', (answer, output) => {
    expect(differenceFrom(answer, output)).not.toBeNull();
  });
});

type Run = { code: unknown; outputs: string[]; complaint: string };

const mark = '@@ block';

/** Runs all blocks as one script with `bash -eu`, as somebody would who pastes them one by one. */
async function runInOneShell(blocks: RunbookBlock[]): Promise<Run> {
  const script = join(folder, 'runbook.sh');
  await writeFile(script, blocks.map(({ commands }) => `printf '\\n${mark}\\n'\n${commands}`).join('\n'));
  const shell = spawn('bash', ['-eu', script], {
    cwd: folder,
    env: { ...process.env, API: stack.api, TOKEN: stack.token },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 2.5 * minutes,
  });
  const [said, complaint, [code]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, 'exit'),
  ]);
  return { code, outputs: said.split(`\n${mark}\n`).slice(1), complaint };
}

const place = { type: virtualServices, namespace: 'payment-prod', name: 'payment-service' };
const Routed = z.looseObject({
  spec: z.looseObject({ http: z.array(z.looseObject({ name: z.string() })) }),
});

function routes() {
  return Routed.parse(stack.sandbox.store.get(place)).spec.http;
}

/** What the page shows in its first step: a header route stands, and a third destination has its share. */
function inMidRollout(): void {
  moveWeights(stack, { v1: 60, v2: 30, v3: 10 });
  const object = Routed.parse(stack.sandbox.store.get(place));
  const match = [{ headers: { 'x-canary': { exact: 'true' } } }];
  const route = [{ destination: { host: 'payment-service', subset: 'v2' } }];
  const http = [{ name: 'canaryd-header', match, route }, ...object.spec.http];
  const text = JSON.stringify({ ...object, spec: { ...object.spec, http } });
  stack.sandbox.store.update(place, JSON.parse(text), 'canaryd');
}

/** Sends the patch of the runbook's first `kubectl patch` as kubectl would. */
async function patchFromRunbook(changes: Record<string, string> = {}): Promise<string> {
  const page = await readFile(join(root, 'docs/runbooks/emergency-without-canaryd.md'), 'utf8');
  const written = /kubectl patch [^']*--type=json -p '(\[[^']*\])'/.exec(page)?.[1] ?? '[]';
  const changed = Object.entries(changes).reduce((json, [from, to]) => json.replaceAll(from, to), written);
  const patch: PatchOperation[] = JSON.parse(changed);
  const kube = await connectKube({ kind: 'text', text: stack.sandbox.kubeconfigFor('admin') });
  const name = { namespace: 'payment-prod', name: 'payment-service' };
  const { kind } = await kube.patchVirtualService(name, patch, AbortSignal.timeout(5000));
  await kube.close();
  return kind;
}
