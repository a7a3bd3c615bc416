import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { target, to, virtualService } from '../traffic-preview/files.ts';
import { type CliWorld, openCli } from './cli.ts';

let world: CliWorld;
beforeAll(async () => {
  world = await openCli();
  await world.write('vs.yaml', stringify(virtualService()));
  await world.write('target.json', JSON.stringify(target));
});
afterAll(() => world.close());

const run = (...args: string[]) =>
  world.run(['traffic', 'preview', ...args], { CANARYD_URL: 'http://127.0.0.1:1' });
const files = ['--virtual-service', 'vs.yaml', '--target', 'target.json'];

describe('canaryd traffic preview', () => {
  it('prints the object on stdout and words on stderr, without a server', async () => {
    const { code, out, err } = await run(...files, '--weight', '0.25');
    expect(code).toBe(0);
    expect(out).toMatch(/^apiVersion: networking\.istio\.io\/v1\n/);
    expect(out).toContain('weight: 9975');
    expect(err).toMatch(/^shop\/payment, primary: v1 100 % -> 99\.75 %, v2 0 % -> 0\.25 %\n/);
  });

  it('ends with 6, the path and the mend when canaryd would refuse the object', async () => {
    const http = [{ name: 'primary', route: [to('v1', 60), to('v2', 40)] }];
    await world.write('moving.yaml', stringify(virtualService({ http })));
    const { code, out, err } = await run(
      '--virtual-service=moving.yaml',
      '--target=target.json',
      '--weight=5',
    );
    expect({ code, out }).toEqual({ code: 6, out: '' });
    expect(err).toMatch(
      /^canaryd: refused: spec\.http\[0\]\.route: a rollout starts with one destination at\n {2}100 %/,
    );
    expect(err.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('has help in 80 columns', async () => {
    const { code, out } = await run('--help');
    expect([code, out.split('\n').filter((line) => line.length > 80)]).toEqual([0, []]);
    expect(out).toMatch(/^Usage: canaryd traffic preview --virtual-service=FILE --target=FILE --weight=N\n/);
    expect(out).toContain('0 printed  2 usage  6 refused');
    expect(out).not.toContain('CANARYD_URL');
  });
});
