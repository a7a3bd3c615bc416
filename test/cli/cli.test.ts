import { readFile, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ask } from '../api/api.ts';
import { type CliWorld, openCli, type Ran } from './cli.ts';

const plan =
  'steps:\n  - { type: setWeight, weight: 5 }\n  - { type: bake, duration: 5m }\n  - { type: promote }\n';
const rising =
  'steps:\n  - { type: setWeight, weight: 25 }\n  - { type: bake, duration: 5m }\n  - { type: setWeight, weight: 20 }\n  - { type: promote }\n';

let world: CliWorld;
const seen: Ran[] = [];

beforeAll(async () => {
  world = await openCli();
  world.mesh.add({ namespace: 'payments', virtualService: 'ready' });
  world.mesh.add({ namespace: 'payments', virtualService: 'three' }, { v1: 100, v2: 0, v3: 0 });
  world.mesh.add({ namespace: 'payments', virtualService: 'split' }, { v1: 70, v2: 30 });
  world.mesh.add({ namespace: 'payments', virtualService: 'payment-service' }, { v1: 95, v2: 5 });
});
afterAll(() => world.close());

async function run(args: string[], env?: Record<string, string>): Promise<Ran> {
  const ran = await world.run(args, env);
  seen.push(ran);
  return ran;
}

const init = (name: string, ...more: string[]) =>
  run(['plan', 'init', '--virtual-service', `payments/${name}`, ...more]);

describe('canaryd plan validate', () => {
  it('says that a plan is valid and when each step begins', async () => {
    await world.write('plan.yaml', plan);
    const { code, out, err } = await run(['plan', 'validate', 'plan.yaml']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('plan.yaml: valid, 3 steps in at least 5m00s\n');
    expect(out).toMatch(/0s {2}setWeight {2}5 %\n.*0s {2}bake {7}5 %\n.*5m00s {2}promote {4}100 %\n/);
  });

  it('says from which traffic on each bake sees its limits, where the judge that decides can tell', async () => {
    await world.write('plan.yaml', plan);
    const { out } = await run(['plan', 'validate', 'plan.yaml']);
    expect(out).toContain(
      [
        '',
        'Requests/s of stable that each bake needs at least to see a limit broken (plan',
        'preview says what a service comes to):',
        '  step 2 at 5 %: ',
      ].join('\n'),
    );
    await world.write('classic.yaml', `judge: threshold\n${plan}`);
    expect((await run(['plan', 'validate', 'classic.yaml'])).out).not.toContain('Requests/s');
  });

  it('says who judges where that is not the usual judge, and which bake may end early', async () => {
    await world.write('classic.yaml', `judge: threshold\n${plan}`);
    const classic = await run(['plan', 'validate', 'classic.yaml']);
    expect(classic.out).toContain(': valid, 3 steps in at least 5m00s, judged by thresholds\n');
    const early = plan.replace('duration: 5m', 'duration: 5m, early: true');
    await world.write('early.yaml', early);
    const { code, out } = await run(['plan', 'validate', 'early.yaml']);
    expect(code).toBe(0);
    expect(out).toContain('early.yaml: valid, 3 steps in 5m00s, less where a bake ends early\n');
    expect(out).toContain('         0s  bake       5 %, over once the canary is proven healthy\n');
    await world.write('idle.yaml', `judge: threshold\n${early}`);
    const idle = await run(['plan', 'validate', 'idle.yaml']);
    expect(idle.code).toBe(6);
    expect(idle.out.replaceAll(/\s+/g, ' ')).toContain(
      '/steps/1/early only the sequential judge ends a bake early: leave "early" out, or write "judge": "sequential"',
    );
  });

  it('prints each fault with file, place and mend, for all files, and exits with 6', async () => {
    await world.write('plan.yaml', plan);
    await world.write('rising.yaml', rising);
    await world.write('typo.json', '{"stpes":[]}');
    const { code, out } = await run(['plan', 'validate', 'rising.yaml', 'plan.yaml', 'typo.json']);
    expect(code).toBe(6);
    expect(out.replaceAll(/\s+/g, ' ')).toContain(
      'rising.yaml: invalid, 2 faults /steps/2/weight step 3 sets 20 % after 25 %',
    );
    expect(out).toContain('plan.yaml: valid');
    expect(out).toMatch(/\/stpes {2}.*did you mean "steps"\?/);
  });

  it('names line and column of what cannot be read', async () => {
    await world.write('broken.yaml', 'steps:\n  - [\n');
    await world.write('broken.json', '{\n  "steps": }');
    const { code, err } = await run(['plan', 'validate', 'broken.yaml', 'broken.json']);
    expect(code).toBe(6);
    expect(err).toContain('broken.yaml');
    expect(err.replaceAll(/\s+/g, ' ')).toContain(
      'broken.json: the file is not valid JSON at line 2, column 12.',
    );
  });

  it('says once that tabs cannot indent, and speaks of the file', async () => {
    await world.write('tabs.yaml', 'steps:\n\t- type: promote\n');
    const { code, err } = await run(['plan', 'validate', 'tabs.yaml']);
    expect([code, err]).toEqual([6, expect.stringContaining('tabs.yaml: the file is not taken as YAML')]);
    expect(err).not.toContain('body');
    expect(err.split('line 2').length).toBe(2);
  });

  it.each(['validate', 'preview'])('says of an empty file how to make a plan: %s', async (verb) => {
    await world.write('empty.yaml', ' \n');
    const { code, err } = await run(['plan', verb, 'empty.yaml']);
    expect([code, err.replaceAll(/\s+/g, ' ')]).toEqual([
      6,
      expect.stringContaining('empty.yaml is empty: write a plan, or make one with canaryd plan init'),
    ]);
  });

  it.each([
    [[], 'name the files'],
    [['nowhere.yaml'], 'nowhere.yaml cannot be read: ENOENT'],
    [['--fast', 'x.yaml'], "Unknown option '--fast'"],
  ])('exits with 2 for %j', async (args, why) => {
    const { code, err } = await run(['plan', 'validate', ...args]);
    expect([code, err]).toEqual([2, expect.stringContaining(why)]);
    expect(err).toContain('next: ');
  });

  it.each([
    ['without a token', { CANARYD_TOKEN: '' }, 'export CANARYD_TOKEN='],
    ['with a token that is not known', { CANARYD_TOKEN: 'some-other-token-0123456789' }, 'set CANARYD_TOKEN'],
    ['with a token that no header can hold', { CANARYD_TOKEN: 'a b' }, 'a character that no token has'],
  ])('exits with 11 %s, and never shows it', async (_name, env, next) => {
    await world.write('plan.yaml', plan);
    const { code, out, err } = await run(['plan', 'validate', 'plan.yaml'], env);
    expect([code, out, err]).toEqual([11, '', expect.stringContaining(next)]);
    expect(err).not.toContain('some-other-token');
  });

  it('exits with 12 when nobody answers, after the first of several files', async () => {
    await world.write('plan.yaml', plan);
    const closed = await freeUrl();
    const { code, err } = await run(['plan', 'validate', 'plan.yaml', 'plan.yaml'], { CANARYD_URL: closed });
    expect([code, err.split('ECONNREFUSED').length]).toEqual([12, 2]);
    expect(err).toContain('CANARYD_URL');
  });

  it('exits with 2 for an address that is none or has a password in it, and does not show that', async () => {
    await world.write('plan.yaml', plan);
    expect((await run(['plan', 'validate', 'plan.yaml'], { CANARYD_URL: 'canaryd' })).code).toBe(2);
    const { code, err } = await run(['plan', 'validate', 'plan.yaml'], {
      CANARYD_URL: 'http://u:p@127.0.0.1:1',
    });
    expect([code, err]).toEqual([2, expect.not.stringContaining('u:p')]);
  });

  it('asks below the path of CANARYD_URL, and no other host however that is written', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url);
      response.end();
    });
    const url = await listening(server);
    await world.write('plan.yaml', plan);
    await run(['plan', 'validate', 'plan.yaml'], { CANARYD_URL: `${url}/tools/canaryd/` });
    await run(['plan', 'validate', 'plan.yaml'], { CANARYD_URL: `${url}//evil.test/` });
    server.close();
    expect(asked).toEqual(['/tools/canaryd/v1/plans:validate', '//evil.test/v1/plans:validate']);
  });

  it('says that the answer is not one of canaryd when something else stands there', async () => {
    const server = createServer((_request, response) => response.end('<html>\u001b[2J'));
    const url = await listening(server);
    await world.write('plan.yaml', plan);
    const { code, err } = await run(['plan', 'validate', 'plan.yaml'], { CANARYD_URL: url });
    server.close();
    expect([code, err]).toEqual([1, expect.stringContaining('is not one of canaryd')]);
    expect(err).not.toContain('\u001b');
  });
});

const dryRun = {
  wouldStart: true,
  why: null,
  startAt: null,
  queuedBehind: null,
  warnings: [
    'Step 2 [at 5 %], check errors: too few requests to judge, so that it is held until the deadline.',
  ],
  checks: [
    {
      check: 'errors',
      unit: 'ratio',
      limit: 0.01,
      windowSeconds: 10,
      now: { stable: { value: 0.0004, requests: 998.4, why: null } },
    },
    { check: 'p99', unit: 'ms', limit: 2000, windowSeconds: 10, now: null },
  ],
  steps: [{ type: 'setWeight', share: 5, startsInSeconds: 0 }],
  totalSeconds: 60,
};

/** A server that answers every dry run with this. */
async function previewed(body: object, status = 200): Promise<Ran & { asked: string | undefined }> {
  let asked: string | undefined;
  const server = createServer((request, response) => {
    asked = `${request.method} ${request.url}`;
    response.writeHead(status).end(JSON.stringify(body));
  });
  const url = await listening(server);
  await world.write('rollout.yaml', 'target: {}\n');
  const ran = await run(['plan', 'preview', 'rollout.yaml'], { CANARYD_URL: url });
  server.close();
  return { ...ran, asked };
}

describe('canaryd plan preview', () => {
  it('asks for a dry run and shows steps, stable now and warnings whole', async () => {
    const { code, out, err, asked } = await previewed(dryRun);
    expect([code, err, asked]).toEqual([0, '', 'POST /v1/rollouts?dryRun=all']);
    expect(out).toBe(
      [
        'rollout.yaml: would start',
        '',
        'Steps, at least 1m00s:',
        '         0s  setWeight  5 %',
        '',
        'Stable now:',
        '  errors: 0.04 %, limit 1 %, 998 requests in 10 s',
        '  p99: unknown, metrics cannot be read; limit 2000 ms',
        '',
        'Warnings:',
        '  - Step 2 [at 5 %], check errors: too few requests to judge, so that it is held',
        '    until the deadline.',
        '',
      ].join('\n'),
    );
  });

  it('shows what each step sees, where the judge that decides can tell', async () => {
    const hint = '1 % of 5xx, the limit, take 897 requests to find, and at 16.7 requests/s, 5 % brings 250';
    const sight = {
      hint: 'at 16.7 requests/s, 5 % brings 250 in 5 min',
      checks: [{ check: 'errors', hint }],
    };
    const bake = { step: 1, type: 'bake', share: 5, startsInSeconds: 0 };
    const judged = { stableErrorRate: 0, noiseFactor: 2, noiseFrom: 'assumed' };
    const steps = [
      { ...bake, step: 0, type: 'setWeight', sight: null },
      { ...bake, sight },
    ];
    const { out } = await previewed({ ...dryRun, steps, judged });
    expect(out).toContain(
      [
        '',
        'Seen by the end of each step, from its own requests alone (noise factor 2,',
        'assumed):',
        '  step 2 at 5 %: at 16.7 requests/s, 5 % brings 250 in 5 min',
        '    errors: 1 % of 5xx, the limit, take 897 requests to find, and at 16.7',
        '      requests/s, 5 % brings 250',
        '',
        'Warnings:',
      ].join('\n'),
    );
    const known = { ...judged, noiseFactor: 3.4, noiseFrom: 'pods' };
    const { out: other } = await previewed({ ...dryRun, steps, judged: known });
    expect(other).toContain('requests alone (noise factor 3.4):\n');
  });

  it('says why it would not start and exits with 6', async () => {
    const why = 'stable has no \u001b[2Jready pod';
    const { code, out } = await previewed({ ...dryRun, wouldStart: false, why, warnings: [] });
    expect(code).toBe(6);
    expect(out).toContain('rollout.yaml: would not start: stable has no \u{FFFD}[2Jready pod\n');
    expect(out).toContain('Warnings:\n  none\n');
  });

  it('says when, and after whom, it would start', async () => {
    const { out } = await previewed({ ...dryRun, startAt: '2026-11-23T05:46:00Z', queuedBehind: 'ro_1' });
    expect(out).toContain('rollout.yaml: would start at 2026-11-23T05:46:00Z after ro_1\n');
  });

  it('understands what the server really answers, and its refusals', async () => {
    await init('ready', '--out', 'real.yaml');
    const { code, out } = await run(['plan', 'preview', 'real.yaml']);
    expect([code, out]).toEqual([0, expect.stringContaining('25m00s  promote    100 %')]);
    await world.write('wrong.yaml', 'target: 5\n');
    const refused = await run(['plan', 'preview', 'wrong.yaml']);
    expect([refused.code, refused.err]).toEqual([6, expect.stringContaining('/target')]);
    expect((await previewed({}, 502)).code).toBe(12);
  });

  it.each([
    [[], 'name one file'],
    [['a.yaml', 'b.yaml'], 'name one file'],
    [['nowhere.yaml'], 'nowhere.yaml cannot be read: ENOENT'],
  ])('exits with 2 for %j', async (args, why) => {
    expect(await run(['plan', 'preview', ...args])).toMatchObject({
      code: 2,
      err: expect.stringContaining(why),
    });
  });
});

describe('canaryd plan init', () => {
  it('writes a rollout that is valid and that starts as it stands', async () => {
    const made = await init('ready', '--out', 'ready.yaml');
    expect([made.code, made.out]).toEqual([
      0,
      expect.stringContaining('next: canaryd plan validate ready.yaml'),
    ]);
    expect((await run(['plan', 'validate', 'ready.yaml'])).code).toBe(0);
    const payload = await readFile(join(world.folder, 'ready.yaml'), 'utf8');
    const headers = { 'content-type': 'application/yaml' };
    const started = await ask(world.app, { method: 'POST', url: '/v1/rollouts', payload, headers });
    expect(started.statusCode).toBe(202);
    expect(world.service.asked.at(-1)).toMatchObject({
      request: {
        target: { cluster: 'default', namespace: 'payments', virtualService: 'ready', route: 'primary' },
      },
    });
  });

  it('explains every value, in lines of at most 80 columns', async () => {
    const { out } = await init('ready', '--out', '-');
    const lines = out.split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.filter((line) => line.trimStart().startsWith('#')).length).toBeGreaterThan(15);
    expect(out).toContain('all traffic went to "v1", none to "v2"');
  });

  it('leaves a file that is there alone without --force', async () => {
    await world.write('mine.yaml', 'mine: true\n');
    const refused = await init('ready', '--out', 'mine.yaml');
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('--force')]);
    expect(await readFile(join(world.folder, 'mine.yaml'), 'utf8')).toBe('mine: true\n');
    expect((await init('ready', '--out', 'mine.yaml', '--force')).code).toBe(0);
    expect((await stat(join(world.folder, 'mine.yaml'))).size).toBeGreaterThan(500);
  });

  it('says which fault stands in the way and how to mend it', async () => {
    const { code, err } = await init('split', '--out', 'split.yaml');
    expect([code, err]).toEqual([6, expect.stringContaining('split-not-at-rest')]);
    expect(err.replaceAll(/\s+/g, ' ')).toContain('next: mend it in the VirtualService');
    await expect(stat(join(world.folder, 'split.yaml'))).rejects.toThrow('ENOENT');
  });

  it('says which rollout is live there', async () => {
    const { code, err } = await init('payment-service', '--out', 'live.yaml');
    expect([code, err]).toEqual([7, expect.stringContaining('is live there')]);
  });

  it('asks which of several destinations is the canary, and takes the answer', async () => {
    const { code, err } = await init('three', '--out', 'three.yaml');
    expect([code, err.replaceAll(/\s+/g, ' ')]).toEqual([
      6,
      expect.stringContaining('--canary with one of: v2, v3'),
    ]);
    expect((await init('three', '--canary', 'v9', '--out', 'three.yaml')).code).toBe(2);
    expect((await init('three', '--canary', 'v3', '--out', 'three.yaml')).code).toBe(0);
    const written: unknown = parse(await readFile(join(world.folder, 'three.yaml'), 'utf8'));
    expect(written).toMatchObject({ target: { canary: { subset: 'v3' } } });
  });

  it.each([
    [['payments/nowhere'], 6, 'no VirtualService "nowhere"'],
    [['payments'], 2, 'name the VirtualService with its namespace'],
    [['payments/ready', '--route', 'other'], 2, 'it has no route "other"'],
    [['payments/ready', '--cluster', 'green'], 6, 'no cluster "green"'],
    [['payments/ready', '--out', 'no/such/folder.yaml'], 2, 'cannot be written: ENOENT'],
  ])('exits with a reason for %j', async ([name = '', ...more], exit, why) => {
    const { code, err } = await run(['plan', 'init', '--virtual-service', name, '--out', 'x.yaml', ...more]);
    expect([code, err.replaceAll(/\s+/g, ' ')]).toEqual([exit, expect.stringContaining(why)]);
  });
});

describe('canaryd', () => {
  it('shows its commands, and what one of them takes', async () => {
    expect(await run(['help'])).toMatchObject({ code: 0, out: expect.stringContaining('plan validate') });
    expect(await run(['help', 'plan', 'init'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('--force'),
    });
    expect(await run(['plan', 'init', '--help'])).toMatchObject({ code: 0 });
    expect(await run([])).toMatchObject({ code: 2, err: expect.stringContaining('Usage: canaryd') });
  });

  it('says of the doctor only what concerns it', async () => {
    const { code, out } = await run(['doctor', '--help']);
    expect([code, out]).toEqual([0, expect.stringContaining('--json')]);
    expect(out).toContain('--target=NAMESPACE/VIRTUALSERVICE');
    expect(out).toMatch(/0 nothing has to be mended.*1 something has to be\s+mended {2}2 usage/);
    expect(out).not.toMatch(/CANARYD_URL|CANARYD_TOKEN|not signed in/);
  });

  it('shows its version', async () => {
    expect(await run(['version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^canaryd \d+\.\d+\.\d+ /),
    });
  });

  it('names the command that was meant', async () => {
    expect(await run(['plan', 'valdate'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('canaryd plan validate'),
    });
  });

  it('shows how break-glass rollback is used to whoever types half of it', async () => {
    const usage = 'Usage: canaryd break-glass rollback --virtual-service=NAMESPACE/NAME';
    const half = { code: 2, out: '', err: expect.stringContaining(usage) };
    expect(await run(['break-glass'])).toEqual(half);
    expect(await run(['break-glass', '--virtual-service=a/b'])).toEqual(half);
    const helped = { code: 0, out: expect.stringContaining(usage), err: '' };
    expect(await run(['help', 'break-glass'])).toEqual(helped);
    expect(await run(['break-glass', '--help'])).toEqual(helped);
    expect((await run(['break-glass', 'rolback'])).err).toContain('canaryd break-glass rollback');
  });

  it('prints no line of more than 80 columns', () => {
    const lines = seen.flatMap(({ out, err }) => `${out}${err}`.split('\n'));
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

async function freeUrl(): Promise<string> {
  const server = createServer();
  const url = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}
