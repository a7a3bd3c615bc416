import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bank, type ReadinessWorld, readinessWorld } from '../api/readiness-world.ts';
import { darkSurroundings, surroundingsOf } from '../fakes/surroundings.ts';
import { read } from '../readiness/healthy.ts';
import { type CliWorld, openCli, type Ran } from './cli.ts';

const named = 'payment-prod/payment-service';
const plainCaller = {
  workload: 'batch',
  namespace: 'order-prod',
  principal: null,
  requestsPerSecond: 60,
  plaintextPerSecond: 30,
};

type World = { bank: ReadinessWorld; cli: CliWorld };
let well: World;
let ill: World;
let dark: World;
const seen: Ran[] = [];

async function open(surroundings = surroundingsOf()): Promise<World> {
  const bank = await readinessWorld({ surroundings });
  return { bank, cli: await openCli(bank.app) };
}

beforeAll(async () => {
  well = await open();
  ill = await open(surroundingsOf({ callers: read([plainCaller]), peerAuthentications: read([]) }));
  dark = await open(darkSurroundings());
});
afterAll(() => Promise.all([well, ill, dark].map(({ cli }) => cli.close())));

async function run({ cli }: World, args: string[]): Promise<Ran> {
  const ran = await cli.run(args);
  seen.push(ran);
  return ran;
}

const flat = (text: string) => text.replaceAll(/\s+/g, ' ');

describe('canaryd checklist', () => {
  it('has one line for each check that is well, P0 first, and exits with 0 when none of P0 failed', async () => {
    const { code, out, err } = await run(well, ['checklist', named, '--canary', 'v2']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(`${named}, v1 to v2, `);
    expect(flat(out)).toContain('judged by the usual plan: errorRate 1 %, p99 2000 ms, mTLS STRICT');
    expect(out).toMatch(/\nP0: \d+ checks, \d+ passed.*\nP1: .*\nP2: /s);
    expect(out.split('PF-MT-01')).toHaveLength(2);
    expect(out).toMatch(/^ {2}ok {6}PF-MT-01 {2}\S.*$/m);
    expect(out).toMatch(/^ {2}skip {4}PF-VS-10 {2}\S.*$/m);
  });

  it('asks for the canary where several could be meant, and exits with 2, which no failed check does', async () => {
    const several = await open();
    several.bank.mesh.setShares(bank, { v1: 100, v2: 0, v3: 0 });
    const { code, err } = await run(several, ['checklist', named]);
    await several.cli.close();
    expect(flat(err)).toMatch(/v2, v3.* next: the same with --canary and one of these names/);
    expect(code).toBe(2);
  });

  it('says of a warning what was read and how to mend it, and does not take it for a failure', async () => {
    const { code, out } = await run(well, ['checklist', named]);
    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}warn {4}PF-PR-05 {2}.*?^ {10}read: .*?^ {10}mend: /ms);
  });

  it('says of a failure what was read, what it means and how to mend it, and exits with 6', async () => {
    const { code, out } = await run(ill, ['checklist', named]);
    expect(code).toBe(6);
    expect(out).toMatch(
      /^ {2}FAILED {2}PF-MT-01 {2}.*?^ {10}read: .*?PERMISSIVE.*?^ {10}means: .*?^ {10}mend: /ms,
    );
  });

  it('calls unknown what canaryd may not read, with what makes it readable', async () => {
    const { out } = await run(dark, ['checklist', named]);
    expect(out).toMatch(/^ {2}unknown PF-AZ-02 {2}/m);
    expect(flat(out)).toContain('mend: give it the Role canaryd-read');
  });

  it.each([
    [[], 'name one VirtualService with its namespace.'],
    [['payment-service'], 'name one VirtualService with its namespace.'],
    [[named, 'payment-prod/other'], 'name one VirtualService with its namespace.'],
    [[named, '--fast'], "Unknown option '--fast'"],
  ])('exits with 2 for %j', async (args, why) => {
    const { code, err } = await run(well, ['checklist', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(why)]);
    expect(err).toContain('next: ');
  });

  it.each([
    [['payment-prod/nowhere'], 'no VirtualService "nowhere"'],
    [[named, '--cluster', 'green'], 'no cluster "green"'],
    [[named, '--canary', 'v9'], 'v9'],
  ])('exits with 6 and a sentence when there is no such target: %j', async (args, why) => {
    const { code, out, err } = await run(well, ['checklist', ...args]);
    expect([code, out, flat(err)]).toEqual([6, '', expect.stringContaining(why)]);
  });

  it('exits with 12 while the cluster gives no answer', async () => {
    well.bank.mesh.breakDown({ kind: 'unavailable', reason: 'timeout', why: 'no answer in 3 s' });
    const { code, err } = await run(well, ['checklist', named]);
    well.bank.mesh.breakDown(null);
    expect([code, flat(err)]).toEqual([12, expect.stringContaining('did not answer in time')]);
  });
});

describe('canaryd mtls', () => {
  it('has modes with what decides them, the plaintext by source and the time that certificates have left', async () => {
    const { code, out, err } = await run(ill, ['mtls', named]);
    expect([code, err]).toEqual([0, '']);
    expect(flat(out)).toContain('The canary accepts: PERMISSIVE, the default of Istio');
    expect(flat(out)).toContain('50 % of all order-prod/batch: 30 a second, 50 % of what it sends');
    expect(out).toMatch(/^ {2}16h40m00s {2}\S+ \(canary\)$/m);
    expect(flat((await run(well, ['mtls', named])).out)).toMatch(/STRICT by PeerAuthentication \S+\/\S+/);
  });

  it('says of what cannot be read that it is unknown, and why', async () => {
    const { code, out } = await run(dark, ['mtls', named]);
    expect([code, out.split('unknown: canaryd may not read it')]).toEqual([
      0,
      expect.objectContaining({ length: 5 }),
    ]);
  });
});

describe('the help of both', () => {
  it.each(['checklist', 'mtls'])('says what they take and what they exit with: %s', async (word) => {
    const { code, out } = await run(well, ['help', word]);
    expect([code, out]).toEqual([0, expect.stringContaining(`canaryd ${word} <namespace>/`)]);
    expect(out).toContain('Exit code 0');
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
});

describe('what canaryd says of the surroundings of a target', () => {
  it('has no line of more than 80 columns', () => {
    const lines = seen.flatMap(({ out, err }) => `${out}${err}`.split('\n'));
    // What has no space in it, such as a query, cannot be broken.
    const long = lines.filter((line) => line.length > 80 && line.trim().includes(' '));
    expect(long).toEqual([]);
  });
});
