import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recorded } from '../rollout/replay/recordings.ts';
import { type CliWorld, openCli } from './cli.ts';

const plan = {
  interval: '15s',
  steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '5m' }, { type: 'promote' }],
};

let world: CliWorld;
beforeAll(async () => {
  world = await openCli();
  await world.write('plan.json', JSON.stringify(plan));
  const bad = recorded(10, () => ({ canary: { errors: 0.05, slow: 0.005 } }));
  await world.write('bad.json', JSON.stringify(bad));
});
afterAll(() => world.close());

const run = (...args: string[]) =>
  world.run(['judge', 'replay', ...args], { CANARYD_URL: 'http://127.0.0.1:1', CANARYD_TOKEN: '' });

describe('canaryd judge replay', () => {
  it('prints lines of JSON into a pipe, without a server and without a token', async () => {
    const { code, out, err } = await run('--plan=plan.json', '--input=bad.json');
    expect({ code, err }).toEqual({ code: 3, err: '' });
    const lines: unknown[] = out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toMatchObject({
      verdict: { sequential: { rollback: { at: 30, step: 0, share: 5 } } },
    });
  });

  it('ends with 2 where a file cannot be read', async () => {
    const { code, err } = await run('--plan=plan.json', '--input=none.json');
    expect([code, err]).toEqual([2, expect.stringContaining('none.json cannot be read: ENOENT')]);
  });

  it('has help in 80 columns, with its exit codes', async () => {
    const { code, out } = await run('--help');
    expect([code, out.split('\n').filter((line) => line.length > 80)]).toEqual([0, []]);
    expect(out).toMatch(/^Usage: canaryd judge replay --plan=FILE --input=FILE \[--json \| --table\]\n/);
    expect(out).toContain('3 it would have rolled');
    expect(out).not.toContain('CANARYD_URL');
  });
});
