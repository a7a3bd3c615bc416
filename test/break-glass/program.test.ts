import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programAt } from '../../local/programs.ts';
import { askRight, folded, patchByHand } from '../../src/break-glass/commands.ts';
import { readBreakGlass } from '../../src/break-glass/options.ts';
import { sourceFor } from '../../src/break-glass/source.ts';
import { openWorld, optionsFor, type Ran, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** Nothing of the configuration of canaryd is in its environment, and no terminal. */
async function start(program: string, words: string[], env: Record<string, string> = {}): Promise<Ran> {
  const options = { env: { PATH: process.env['PATH'] ?? '', HOME: world.folder, ...env }, timeout: 90_000 };
  const args = [await programAt(`src/${program}`), 'break-glass', ...words];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, options, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
    child.stdin?.end();
  });
}

describe('the program', () => {
  it.each([
    'main.ts',
    'cli/main.ts',
  ])('takes the canary back by %s with nothing but a kubeconfig', async (program) => {
    const { name } = await world.moved(20);
    const target = `--virtual-service=payment-prod/${name}`;
    const env = { KUBECONFIG: world.kubeconfig };
    const { code, out, err } = await start(program, ['rollback', target, '--yes', '--json'], env);
    expect([code, world.weights(name)]).toEqual([0, [100, 0]]);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'rolled_back' });
    expect(err).toContain('read back');
  }, 100_000);
});

describe('the command line of break-glass', () => {
  const target = '--virtual-service=bank/payments';

  it('understands all its options', () => {
    const words = `rollback ${target} --kubeconfig=k --context=c --dry-run -y --json --reason=slow`.split(
      ' ',
    );
    expect(readBreakGlass(words)).toEqual({
      kind: 'breakGlass',
      options: {
        namespace: 'bank',
        name: 'payments',
        kubeconfig: 'k',
        context: 'c',
        dryRun: true,
        yes: true,
        json: true,
        reason: 'slow',
      },
    });
  });

  it.each([
    [[target], 'the only command of break-glass is rollback'],
    [['rollback', 'now', target], 'the only command of break-glass is rollback'],
    [['rollback'], 'name the object: --virtual-service=NAMESPACE/NAME'],
    [['rollback', '--virtual-service=payments'], 'name the object: --virtual-service=NAMESPACE/NAME'],
    [['rollback', '--virtual-service=bank/../x'], 'name the object: --virtual-service=NAMESPACE/NAME'],
    [['rollback', target, '--force'], 'there is an option that break-glass does not know'],
    [['rollback', target, '--reason='], '--reason is one line of 1 to 500 characters'],
    [['rollback', target, '--reason=a\nb'], '--reason is one line of 1 to 500 characters'],
    [['rollback', target, '--context='], '--context is empty'],
  ])('refuses %j and says why', (words, why) => {
    expect(readBreakGlass(words)).toEqual({ kind: 'misused', why });
  });

  it('shows how it is used where somebody asks for help', () => {
    expect(readBreakGlass(['rollback', '--help'])).toEqual({ kind: 'help' });
  });
});

describe('the credentials of break-glass', () => {
  const none = { kubeconfig: null, context: null };
  const home = () => ({ HOME: join(world.folder, 'home') });

  it('come from the first place that there is', async () => {
    const usual = join(world.folder, 'home', '.kube', 'config');
    const both = { CANARYD_KUBECONFIG: 'ours', KUBECONFIG: 'theirs', ...home() };
    expect(sourceFor(both, { ...none, kubeconfig: 'named' })).toEqual({ kind: 'file', path: 'named' });
    expect(sourceFor(both, none)).toEqual({ kind: 'file', path: 'ours' });
    expect(sourceFor({ ...both, CANARYD_KUBECONFIG: '' }, none)).toEqual({ kind: 'file', path: 'theirs' });
    const inPod = { ...home(), KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    expect(sourceFor(inPod, none)).toEqual({ kind: 'inCluster' });
    await mkdir(join(world.folder, 'home', '.kube'), { recursive: true });
    await writeFile(usual, world.sandbox.kubeconfig);
    expect(sourceFor(inPod, { ...none, context: 'eu' })).toEqual({
      kind: 'file',
      path: usual,
      context: 'eu',
    });
  });

  it.each([
    [{ HOME: '/nowhere' }, none, 'give --kubeconfig=PATH'],
    [{ HOME: '/nowhere', KUBECONFIG: 'a:b' }, none, 'kubectl config view --flatten'],
    [{ HOME: '/nowhere', KUBERNETES_SERVICE_HOST: '10.0.0.1' }, { ...none, context: 'eu' }, 'give one'],
  ])('%j are refused with the mend', (environment, options, mend) => {
    expect(() => sourceFor(environment, options)).toThrow(mend);
  });
});

describe('a command to type', () => {
  const asked = { ...optionsFor('payments'), kubeconfig: "it's mine", context: 'eu' };

  it('is for the cluster that was asked, and a shell reads it as it is meant', () => {
    expect(askRight(asked, 'patch').replaceAll(/ \\\n +/g, ' ')).toBe(
      "  kubectl --kubeconfig='it'\\''s mine' --context=eu auth can-i patch virtualservices.networking.istio.io/payments -n payment-prod",
    );
  });

  it('goes on behind a backslash where it is longer than a line', () => {
    const lines = folded(['kubectl', ...Array.from({ length: 12 }, () => 'wordwordword')]).split('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.slice(0, -1).every((line) => line.endsWith(' \\'))).toBe(true);
  });

  it('is not offered where no route has two destinations', () => {
    expect(patchByHand(asked, [])).toBeNull();
  });
});
