import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readinessWorld } from '../api/readiness-world.ts';
import { darkSurroundings, surroundingsOf } from '../fakes/surroundings.ts';
import { read } from '../readiness/healthy.ts';
import { type CliWorld, openCli, type Ran } from './cli.ts';

const rollout = `target: { cluster: default, namespace: payment-prod, virtualService: payment-service }
plan:
  steps:
    - { type: setWeight, weight: 5 }
    - { type: bake, duration: 5m }
    - { type: promote }
  readiness:
    mutualTls: STRICT
`;
const waived = `${rollout}    waivers:
      - { check: PF-MT-01, reason: CHG0041234, until: '2026-12-31T18:00:00Z' }
`;

let well: CliWorld;
let ill: CliWorld;
let dark: CliWorld;
const seen: Ran[] = [];

async function open(surroundings = surroundingsOf()): Promise<CliWorld> {
  const world = await openCli((await readinessWorld({ surroundings })).app);
  await world.write('rollout.yaml', rollout);
  await world.write('waived.yaml', waived);
  return world;
}

beforeAll(async () => {
  well = await open();
  ill = await open(surroundingsOf({ peerAuthentications: read([]) }));
  dark = await open(darkSurroundings());
});
afterAll(() => Promise.all([well, ill, dark].map((world) => world.close())));

async function run(world: CliWorld, args: string[]): Promise<Ran> {
  const ran = await world.run(['preflight', ...args]);
  seen.push(ran);
  return ran;
}

describe('canaryd preflight', () => {
  it('says that a rollout is ready to start, and how much is well, and exits with 0', async () => {
    const { code, out, err } = await run(well, ['rollout.yaml']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^rollout\.yaml: ready to start\n.*\d+ passed/);
    expect(out).not.toContain('PF-MT-01');
    expect(out).toMatch(/\n\d+ more are well or do not apply: --all shows them\.\n$/);
  });

  it('puts what blocks first, with what was read, what it means and how to mend it, and exits with 6', async () => {
    const { code, out } = await run(ill, ['rollout.yaml']);
    expect(code).toBe(6);
    expect(out).toMatch(/^rollout\.yaml: not ready, \d+ in the way\n/);
    expect(out).toMatch(/\nBLOCKS {2}PF-MT-01 {2}.*?PERMISSIVE.*? means: .*? mend: /s);
    expect(out.indexOf('BLOCKS')).toBeLessThan(out.indexOf('warn    '));
  });

  it('shows a waiver with its reason and its end, and lets the rollout start', async () => {
    const { code, out } = await run(ill, ['waived.yaml']);
    expect(code).toBe(0);
    expect(out).toMatch(/\nwaived {2}PF-MT-01 .*? waived: until 2026-12-31T18:00:00\.000Z: CHG0041234/s);
  });

  it('shows with --all what is well, too', async () => {
    const { code, out } = await run(well, ['rollout.yaml', '--all']);
    expect(code).toBe(0);
    expect(out).toMatch(/\nok {6}PF-MT-01 {2}/);
    expect(out).toMatch(/\nskip {4}PF-VS-10 {2}/);
    expect(out).not.toContain('--all shows them');
  });

  it('calls unknown what could not be read, with what makes it readable', async () => {
    const { out } = await run(dark, ['rollout.yaml']);
    expect(out).toMatch(/\nunknown PF-AZ-02 .*?could not be read.*? mend: /s);
  });

  it.each([
    [[], 'name one file with a rollout'],
    [['rollout.yaml', 'waived.yaml'], 'name one file with a rollout'],
    [['nowhere.yaml'], 'nowhere.yaml cannot be read: ENOENT'],
  ])('exits with 2 for %j', async (args, why) => {
    const { code, out, err } = await run(well, args);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(why)]);
    expect(err).toContain('next: ');
  });

  it('exits with 6 for a file that is no rollout, and names what is wrong in it', async () => {
    await well.write('typo.yaml', rollout.replace('weight: 5', 'weigth: 5'));
    const { code, err } = await run(well, ['typo.yaml']);
    expect([code, err]).toEqual([6, expect.stringContaining('/plan/steps/0/weigth')]);
  });

  it('has no line of more than 80 columns', () => {
    const lines = seen.flatMap(({ out, err }) => `${out}${err}`.split('\n'));
    expect(lines.filter((line) => line.length > 80 && line.trim().includes(' '))).toEqual([]);
  });
});
