import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { freePort } from '../../local/free-port.ts';
import { type LocalPostgres, startPostgres } from '../../local/postgres.ts';
import { programAt } from '../../local/programs.ts';
import { ensurePrometheus, startPrometheus } from '../../local/prometheus.ts';
import { type DoctorOptions, doctor } from '../../src/doctor/doctor.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { migrate } from '../../src/store/migrate.ts';

const Report = z.object({
  ok: z.boolean(),
  checks: z.array(z.object({ level: z.enum(['ok', 'warn', 'fail']), what: z.string(), says: z.string() })),
});
type Report = z.infer<typeof Report>;

const secret = 'a-token-that-nobody-may-see';
let folder = '';
let postgres: LocalPostgres;
let sandbox: Sandbox;
let prometheusUrl = '';
let files = 0;
const closings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-doctor-'));
  closings.push(() => rm(folder, { recursive: true, force: true }));
  postgres = await startPostgres();
  closings.push(postgres.stop);
  await migrate(postgres.url);
  sandbox = await startSandbox();
  closings.push(sandbox.close);
  const { binary } = await ensurePrometheus({ log: () => undefined });
  const sources = { httpSdUrl: `${sandbox.metricsUrl}/sd` };
  const prometheus = await startPrometheus({ binary, sources, scrapeSeconds: 1, log: () => undefined });
  closings.push(prometheus.stop);
  prometheusUrl = prometheus.url;
  await writeFile(join(folder, 'kubeconfig'), sandbox.kubeconfig);
  await writeFile(join(folder, 'nobody'), sandbox.kubeconfigFor('nobody'));
  await writeFile(
    join(folder, 'tokens.json'),
    JSON.stringify([{ token: secret, kind: 'person', name: 'ana' }]),
  );
}, 120_000);
afterAll(async () => {
  for (const close of closings.reverse()) await close();
});

type Change = { cluster?: object; prometheus?: object; more?: object };

/** The environment with a configuration file for one cluster called `eu`. */
async function configured({ cluster = {}, prometheus = {}, more = {} }: Change = {}) {
  files += 1;
  const path = join(folder, `canaryd-${files}.yaml`);
  const eu = {
    name: 'eu',
    kubeconfig: 'kubeconfig',
    prometheus: { url: prometheusUrl, scrapeSeconds: 1, ...prometheus },
    ...cluster,
  };
  await writeFile(
    path,
    stringify({ databaseUrl: postgres.url, tokensFile: 'tokens.json', clusters: [eu], ...more }),
  );
  return { CANARYD_CONFIG: path };
}

const everywhere: DoctorOptions = { json: true, target: null };
const payment: DoctorOptions = { json: true, target: { namespace: 'payment-prod', name: 'payment-service' } };

async function examined(environment: Record<string, string>, options = payment) {
  let text = '';
  const code = await doctor(environment, options, (more) => {
    text += more;
  });
  const report = Report.parse(JSON.parse(text));
  expect(text).not.toContain(secret);
  expect(report.ok).toBe(code === 0);
  return { code, report };
}

function said({ checks }: Report, what: string): string[] {
  return checks.filter((check) => check.what === what).map(({ level, says }) => `${level}: ${says}`);
}

function notOk({ checks }: Report): string[] {
  return checks.filter(({ level }) => level !== 'ok').map(({ level, what }) => `${level} ${what}`);
}

/** The scrapes can be measured when series are older than the window. */
async function untilMeasured(): Promise<Report> {
  const environment = await configured();
  const until = Date.now() + 40_000;
  for (;;) {
    const { report } = await examined(environment);
    if (said(report, 'prometheus eu scrapes')[0]?.startsWith('ok') || Date.now() > until) return report;
    await wait(500);
  }
}

describe('the doctor', () => {
  it('finds nothing to mend where everything is as it should be', async () => {
    const report = await untilMeasured();
    // The local PostgreSQL has one role, which is its superuser.
    expect(notOk(report)).toEqual(['warn postgresql role']);
    expect(report.checks.map(({ what }) => what)).toEqual([
      'configuration',
      'tokens',
      'postgresql',
      'postgresql tables',
      'postgresql limits',
      'postgresql role',
      'postgresql clock',
      'queue',
      'cluster eu',
      'cluster eu clock',
      'cluster eu istio',
      'cluster eu rights',
      'cluster eu target',
      'prometheus eu',
      'prometheus eu clock',
      'prometheus eu metrics',
      'prometheus eu scrapes',
    ]);
    expect(said(report, 'cluster eu rights')).toEqual([
      'ok: all that canaryd does is allowed in payment-prod.',
    ]);
  }, 60_000);

  it('changes nothing', async () => {
    const objects = () => JSON.stringify(sandbox.traffic.weightsNow());
    const before = objects();
    await examined(await configured());
    expect(objects()).toBe(before);
    expect(sandbox.writes).toEqual([]);
  });

  it('writes lines of 80 columns, and ends with 1 when something has to be mended', async () => {
    let text = '';
    const environment = await configured({ prometheus: { url: `http://127.0.0.1:${await freePort()}` } });
    const code = await doctor(environment, { json: false, target: null }, (more) => {
      text += more;
    });
    expect(code).toBe(1);
    expect(text).toMatch(/^ok {4}configuration - complete; cluster\(s\): eu\.$/m);
    expect(text).toMatch(/^fail {2}prometheus eu - Prometheus at 127\.0\.0\.1:\d+ refused the connection\./m);
    expect(text).toMatch(/\n\d+ ok, 1 warn, 1 fail\n$/);
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('is a command of the program', async () => {
    const environment = await configured();
    const { code, text } = await run(['doctor', '--json'], environment);
    expect([code, Report.parse(JSON.parse(text)).ok]).toEqual([0, true]);
    const byCommand = await run(
      ['doctor', '--json'],
      { ...environment, CANARYD_CONFIG: 'nowhere' },
      'src/cli/main.ts',
    );
    expect([byCommand.code, Report.parse(JSON.parse(byCommand.text)).checks[0]?.what]).toEqual([
      1,
      'configuration',
    ]);
    expect(await run(['doctor', '--role=api'], {})).toMatchObject({ code: 2 });
    expect(await run(['--role=king'], environment)).toMatchObject({
      code: 1,
      errors: expect.stringContaining('--role is not valid: write all, api or worker'),
    });
  }, 120_000);
});

describe('the doctor says what to mend', () => {
  it('in the configuration, one line for each fault', async () => {
    const { code, report } = await examined(await configured({ more: { workers: 0, tokenFile: 'x' } }));
    expect(code).toBe(1);
    expect(said(report, 'configuration')).toEqual([
      expect.stringMatching(/^fail: workers \(line \d+\) is not valid: write a whole number from 1 to 500$/),
      expect.stringMatching(/^fail: tokenFile \(line \d+\) is no setting: did you mean tokensFile\?$/),
    ]);
  });

  it('in the rest, too, where a setting or a whole cluster is wrong', async () => {
    const { code, report } = await examined(await configured({ more: { workers: 0 } }));
    expect(code).toBe(1);
    const looked = report.checks.filter(({ level }) => level !== 'fail').map(({ what }) => what);
    expect(looked).toEqual(
      expect.arrayContaining(['tokens', 'postgresql', 'queue', 'cluster eu', 'prometheus eu']),
    );
    const noMetrics = await examined(await configured({ prometheus: { url: 'nowhere' } }));
    expect(said(noMetrics.report, 'configuration')).toHaveLength(1);
    expect(said(noMetrics.report, 'postgresql')[0]).toMatch(/^ok: version/);
    expect(said(noMetrics.report, 'cluster eu')).toEqual([]);
    const noDatabase = await examined(await configured({ more: { databaseUrl: 'nowhere' } }));
    expect(said(noDatabase.report, 'cluster eu')[0]).toMatch(/^ok: Kubernetes/);
    expect(said(noDatabase.report, 'postgresql')).toEqual([]);
  });

  it('with the database of the environment when the file is missing, and names the file', async () => {
    const { code, report } = await examined({
      CANARYD_CONFIG: '/nowhere/canaryd.yaml',
      DATABASE_URL: postgres.url,
    });
    expect(code).toBe(1);
    expect(said(report, 'configuration')).toEqual([
      'fail: CANARYD_CONFIG names a file that cannot be read: ENOENT /nowhere/canaryd.yaml',
    ]);
    expect(said(report, 'postgresql')[0]).toMatch(/^ok: version/);
  });

  it('when there is neither a kubeconfig nor a service account', async () => {
    const { report } = await examined({ DATABASE_URL: postgres.url, CANARYD_PROMETHEUS_URL: prometheusUrl });
    expect(said(report, 'cluster default')).toEqual([
      'fail: no CANARYD_KUBECONFIG is set, and there is no service account on this machine: set it to a kubeconfig. No weight moves there, not even back.',
    ]);
    expect(said(report, 'postgresql')[0]).toMatch(/^ok: version/);
  });

  it('in the tokens: which variable or file, and what they look like', async () => {
    const { report } = await examined({ DATABASE_URL: postgres.url, CANARYD_TOKENS: '{"a":1}' });
    expect(said(report, 'tokens')).toEqual([
      'fail: CANARYD_TOKENS: the list of tokens has the wrong form: write [{"token":"...","kind":"person","name":"alice"}]',
    ]);
  });

  it('when the tokens cannot be read', async () => {
    const { report } = await examined(await configured({ more: { tokensFile: 'nowhere' } }));
    expect(notOk(report)).toContain('fail tokens');
    expect(said(report, 'tokens')[0]).toMatch(/nowhere: the token file cannot be read: ENOENT$/);
  });

  it('when PostgreSQL does not answer, or refuses the password', async () => {
    const port = await freePort();
    const nothing = await examined(
      await configured({ more: { databaseUrl: `postgres://a:b@127.0.0.1:${port}/c` } }),
    );
    expect(said(nothing.report, 'postgresql')).toEqual([
      'fail: cannot be asked: the connection was refused: nothing listens there. Check DATABASE_URL, or databaseUrl in the file.',
    ]);
    const url = new URL(postgres.url);
    url.password = secret;
    const { report } = await examined(await configured({ more: { databaseUrl: url.href } }));
    expect(said(report, 'postgresql')[0]).toContain('fail: cannot be asked: the password is wrong.');
  });

  it('when the tables are not made yet, and who must make them', async () => {
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query('create database unmade');
    await admin.query(`create role plain login password '${secret}'`);
    await admin.end();
    const url = new URL(postgres.url);
    url.pathname = '/unmade';
    const made = await examined(await configured({ more: { databaseUrl: url.href } }));
    expect(said(made.report, 'postgresql tables')).toEqual([
      'warn: not made yet: the next start of canaryd mends that by itself.',
    ]);
    url.username = 'plain';
    url.password = secret;
    const { code, report } = await examined(await configured({ more: { databaseUrl: url.href } }));
    expect(code).toBe(1);
    expect(said(report, 'postgresql role')).toEqual(['ok: plain is no superuser.']);
    expect(said(report, 'postgresql tables')).toEqual([
      'fail: not made yet, and the role plain may not make tables: grant CREATE on the database and on its schema.',
    ]);
  });

  it('when Redis does not answer', async () => {
    const redisUrl = `redis://:${secret}@127.0.0.1:${await freePort()}`;
    const { code, report } = await examined(await configured({ more: { redisUrl } }));
    expect(code).toBe(1);
    expect(said(report, 'queue')[0]).toContain('fail: Redis does not answer');
  });

  it('when the cluster cannot be reached, or its credentials not be read', async () => {
    const lost = await examined(await configured({ cluster: { kubeconfig: 'nowhere' } }));
    expect(said(lost.report, 'cluster eu')[0]).toMatch(
      /^fail: the kubeconfig .*nowhere cannot be read: ENOENT\./,
    );
    const context = await examined(await configured({ cluster: { context: 'asia' } }));
    expect(said(context.report, 'cluster eu')[0]).toContain('has no context asia; its contexts: sandbox');
    sandbox.faults.apiDown = true;
    try {
      const { report } = await examined(await configured());
      expect(said(report, 'cluster eu')[0]).toMatch(/^fail: the connection to the API server failed/);
    } finally {
      sandbox.faults.apiDown = false;
    }
  });

  it('when the target is not there, or may not be read', async () => {
    const nosuch = { json: true, target: { namespace: 'payment-prod', name: 'nosuch' } };
    const { code, report } = await examined(await configured(), nosuch);
    expect(code).toBe(1);
    expect(said(report, 'cluster eu target')).toEqual([
      'fail: there is no VirtualService payment-prod/nosuch.',
    ]);
    const nobody = await examined(await configured({ cluster: { kubeconfig: 'nobody' } }), nosuch);
    expect(said(nobody.report, 'cluster eu target')[0]).toMatch(
      /^warn: .*payment-prod\/nosuch cannot be asked for: /,
    );
  });

  it('when rights are missing', async () => {
    const nobody = await configured({ cluster: { kubeconfig: 'nobody' } });
    const { code, report } = await examined(nobody);
    expect(code).toBe(1);
    expect(said(report, 'cluster eu rights')).toEqual([
      'fail: not allowed in payment-prod: get virtualservices, patch virtualservices, list destinationrules, get services, list pods: grant it to the user or service account of canaryd.',
    ]);
    expect(said((await examined(nobody, everywhere)).report, 'cluster eu rights')[0]).toMatch(
      /^warn: not allowed in all namespaces: .* canaryd doctor --target=NAMESPACE\/VIRTUALSERVICE\.$/,
    );
  });

  it('when Prometheus scrapes less often than is configured, or is too young to tell', async () => {
    const often = await examined(await configured({ prometheus: { scrapeSeconds: 0.2 } }));
    expect(said(often.report, 'prometheus eu scrapes')[0]).toMatch(
      /^fail: about every .* but 0.2 s is configured: fresh metrics count as old, and rollouts hold; set scrapeSeconds/,
    );
    const young = await examined(await configured({ prometheus: { scrapeSeconds: 300 } }));
    expect(said(young.report, 'prometheus eu scrapes')[0]).toMatch(/^warn: too young to measure/);
  });

  it('when the Alertmanager does not answer, or answers something else', async () => {
    const nowhere = { url: `http://ana:${secret}@127.0.0.1:${await freePort()}` };
    const lost = await examined(await configured({ cluster: { alertmanager: nowhere } }));
    expect(said(lost.report, 'alertmanager eu')[0]).toMatch(
      /^warn: Alertmanager at 127\.0\.0\.1:\d+ refused the connection\. Whether a silence hides alerts stays unknown/,
    );
    const other = await examined(await configured({ cluster: { alertmanager: { url: prometheusUrl } } }));
    expect(said(other.report, 'alertmanager eu')[0]).toMatch(/^warn: Alertmanager at .* answered HTTP 404\./);
    expect(other.code).toBe(0);
  });

  it('when the file with the password of Prometheus is missing', async () => {
    const { report } = await examined(
      await configured({ prometheus: { user: 'canaryd', passwordFile: 'nowhere' } }),
    );
    expect(said(report, 'prometheus eu')[0]).toMatch(
      /^fail: the file .*nowhere with the credentials of Prometheus cannot be read: ENOENT\./,
    );
  });
});

type Ended = { code: number; text: string; errors: string };

async function run(
  words: string[],
  environment: Record<string, string>,
  program = 'src/main.ts',
): Promise<Ended> {
  const { PATH = '' } = process.env;
  const file = await programAt(program);
  const options = { env: { PATH, ...environment }, timeout: 60_000 };
  return new Promise((settle) => {
    execFile(process.execPath, [file, ...words], options, (error, text, errors) => {
      settle({ code: typeof error?.code === 'number' ? error.code : 0, text, errors });
    });
  });
}
