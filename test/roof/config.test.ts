import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';

const least = {
  DATABASE_URL: 'postgres://canaryd:secret-of-the-database@db.test/canaryd',
  CANARYD_PROMETHEUS_URL: 'http://prometheus.test:9090',
  CANARYD_TOKENS_FILE: '/etc/canaryd/tokens.json',
};

async function messageOf(environment: Record<string, string>, role: string | null = null): Promise<string> {
  try {
    await readConfig(environment, role);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return '';
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;

/** Writes a configuration file, and the environment that names it. */
async function configured(text: string): Promise<{ CANARYD_CONFIG: string }> {
  files += 1;
  const path = join(folder, `canaryd-${files}.yaml`);
  await writeFile(path, text);
  return { CANARYD_CONFIG: path };
}

const twoClusters = `databaseUrl: postgres://db.test/canaryd
tokensFile: tokens.json
clusters:
  - name: eu
    kubeconfig: kubeconfig
    context: eu-admin
    prometheus:
      url: https://prometheus.eu.test
      bearerTokenFile: secrets/eu
      headers: { X-Scope-OrgID: bank }
  - name: us
    inCluster: true
    clusterDomain: us.local
    rootNamespace: mesh-system
    prometheus: { url: http://prometheus.us.test, user: canaryd, passwordFile: /secrets/us, scrapeSeconds: 30 }
    alertmanager: { url: https://alertmanager.us.test, bearerTokenFile: secrets/us, headers: { X-Scope-OrgID: us } }
`;

describe('the configuration from the environment', () => {
  it('needs a database, a Prometheus and tokens, and has defaults for the rest', async () => {
    expect(await readConfig(least)).toEqual({
      databaseUrl: least.DATABASE_URL,
      queue: { kind: 'postgres', url: least.DATABASE_URL },
      listen: { host: '127.0.0.1', port: 8080 },
      role: 'all',
      tokens: { kind: 'file', path: '/etc/canaryd/tokens.json' },
      clusters: [
        {
          name: 'default',
          source: { kind: 'inCluster' },
          clusterDomain: 'cluster.local',
          prometheus: {
            url: 'http://prometheus.test:9090',
            auth: { kind: 'none' },
            headers: {},
            scrapeSeconds: 15,
          },
        },
      ],
      checkTemplates: {},
      retention: { measurementDays: 90, auditMonths: null },
      concurrency: 128,
      logLevel: 'info',
    });
  });

  it('takes every variable', async () => {
    const config = await readConfig({
      ...least,
      REDIS_URL: 'rediss://redis.test:6380',
      CANARYD_LISTEN: '0.0.0.0:80',
      CANARYD_ROLE: 'worker',
      CANARYD_TOKENS_FILE: '',
      CANARYD_TOKENS: '[]',
      CANARYD_KUBECONFIG: 'here/kubeconfig',
      CANARYD_CLUSTER_DOMAIN: 'bank.local',
      CANARYD_PROMETHEUS_USER: '1234',
      CANARYD_PROMETHEUS_PASSWORD: 'p',
      CANARYD_SCRAPE_SECONDS: '0.5',
      CANARYD_ALERTMANAGER_URL: 'http://alertmanager.test:9093',
      CANARYD_WORKERS: '3',
      CANARYD_LOG_LEVEL: 'warn',
      CANARYD_RETENTION_MEASUREMENT_DAYS: '7',
      CANARYD_RETENTION_AUDIT_MONTHS: '18',
    });
    expect(config).toMatchObject({
      queue: { kind: 'redis', url: 'rediss://redis.test:6380' },
      listen: { host: '0.0.0.0', port: 80 },
      role: 'worker',
      tokens: { kind: 'text', json: '[]' },
      clusters: [
        {
          source: { kind: 'file', path: 'here/kubeconfig' },
          clusterDomain: 'bank.local',
          prometheus: {
            auth: { kind: 'basic', user: '1234', password: { kind: 'text', text: 'p' } },
            scrapeSeconds: 0.5,
          },
          alertmanager: { url: 'http://alertmanager.test:9093', auth: { kind: 'none' }, headers: {} },
        },
      ],
      retention: { measurementDays: 7, auditMonths: 18 },
      concurrency: 3,
      logLevel: 'warn',
    });
  });

  it('lists every fault at once, by name', async () => {
    const message = await messageOf({
      CANARYD_LISTEN: 'nowhere',
      CANARYD_ROLE: 'king',
      CANARYD_SCRAPE_SECONDS: '0',
      CANARYD_WORKERS: 'many',
      CANARYD_PROMETHEUS_USER: 'canaryd',
    });
    expect(message.split('\n').map((line) => line.trim())).toEqual([
      'the configuration has 8 fault(s):',
      'CANARYD_LISTEN is not valid: write host:port, such as 127.0.0.1:8080',
      'CANARYD_ROLE is not valid: write all, api or worker',
      'CANARYD_WORKERS is not valid: write a whole number from 1 to 500',
      'CANARYD_PROMETHEUS_URL is missing: write a URL that begins with http:// or https://',
      'CANARYD_SCRAPE_SECONDS is not valid: write seconds above 0, at most 300',
      'DATABASE_URL is missing: write a URL that begins with postgres://',
      'CANARYD_TOKENS_FILE is missing: the path of a JSON list of bearer tokens',
      'CANARYD_PROMETHEUS_USER goes together with the password: set both or none',
    ]);
  });

  it('never quotes a value, which may be a secret', async () => {
    const message = await messageOf({ ...least, DATABASE_URL: 'mysql://root:secret-of-the-database@db' });
    expect(message).toContain('DATABASE_URL is not valid');
    expect(message).not.toContain('secret-of-the-database');
  });

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    ['[::1]:9000', { host: '::1', port: 9000 }],
  ])('listens on %s', async (text, expected) => {
    expect((await readConfig({ ...least, CANARYD_LISTEN: text })).listen).toEqual(expected);
  });

  it('says what a misspelled variable most likely means, and leaves those of others alone', async () => {
    const message = await messageOf({ ...least, CANARYD_LISTENS: '127.0.0.1:1' });
    expect(message).toContain('CANARYD_LISTENS is no setting: did you mean CANARYD_LISTEN?');
    const others = {
      CANARYD_PORT: 'tcp://10.0.0.1:80',
      CANARYD_SERVICE_HOST: '10.0.0.1',
      CANARYD_TOKEN: 't',
    };
    expect(await messageOf({ ...least, ...others })).toBe('');
  });

  it('takes the role of the command line before every other', async () => {
    expect((await readConfig({ ...least, CANARYD_ROLE: 'api' }, 'worker')).role).toBe('worker');
    expect(await messageOf(least, 'king')).toContain('--role is not valid: write all, api or worker');
  });
});

describe('the configuration from a file', () => {
  it('lists clusters; paths in it are relative to it', async () => {
    const config = await readConfig(await configured(twoClusters));
    expect(config.tokens).toEqual({ kind: 'file', path: join(folder, 'tokens.json') });
    expect(config.clusters).toEqual([
      {
        name: 'eu',
        source: { kind: 'file', path: join(folder, 'kubeconfig'), context: 'eu-admin' },
        clusterDomain: 'cluster.local',
        prometheus: {
          url: 'https://prometheus.eu.test',
          auth: { kind: 'bearer', token: { kind: 'file', path: join(folder, 'secrets/eu') } },
          headers: { 'X-Scope-OrgID': 'bank' },
          scrapeSeconds: 15,
        },
      },
      {
        name: 'us',
        source: { kind: 'inCluster' },
        clusterDomain: 'us.local',
        rootNamespace: 'mesh-system',
        prometheus: {
          url: 'http://prometheus.us.test',
          auth: { kind: 'basic', user: 'canaryd', password: { kind: 'file', path: '/secrets/us' } },
          headers: {},
          scrapeSeconds: 30,
        },
        alertmanager: {
          url: 'https://alertmanager.us.test',
          auth: { kind: 'bearer', token: { kind: 'file', path: join(folder, 'secrets/us') } },
          headers: { 'X-Scope-OrgID': 'us' },
        },
      },
    ]);
  });

  it('may be JSON, tabs and all', async () => {
    const json = JSON.stringify(
      {
        databaseUrl: 'postgres://db/c',
        tokensFile: 't',
        clusters: [{ name: 'a', inCluster: true, prometheus: { url: 'http://p' } }],
      },
      null,
      '\t',
    );
    expect((await readConfig(await configured(json))).clusters[0]?.name).toBe('a');
  });

  it('gives way to the environment, setting by setting', async () => {
    const named = await configured(`${twoClusters}listen: 127.0.0.1:1\nworkers: 5\n`);
    const config = await readConfig({
      ...named,
      CANARYD_LISTEN: '127.0.0.1:2',
      DATABASE_URL: 'postgres://other/c',
    });
    expect(config).toMatchObject({ databaseUrl: 'postgres://other/c', listen: { port: 2 }, concurrency: 5 });
  });

  it('takes the only cluster from the environment when it lists none', async () => {
    const named = await configured('databaseUrl: postgres://db/c\ntokensFile: t\n');
    const config = await readConfig({ ...named, CANARYD_PROMETHEUS_URL: 'http://p' });
    expect(config.clusters.map(({ name }) => name)).toEqual(['default']);
    expect(await messageOf(named)).toContain('clusters is missing: write a list with at least one cluster');
  });

  it('refuses variables of a cluster beside its own list, because one of them would be lost', async () => {
    const message = await messageOf({
      ...(await configured(twoClusters)),
      CANARYD_PROMETHEUS_URL: 'http://p',
      CANARYD_PROMETHEUS_PASSWORD: 'very-secret',
    });
    expect(message).toContain(
      'CANARYD_PROMETHEUS_URL: the clusters are listed in the file: take the variable away',
    );
    expect(message).toContain('CANARYD_PROMETHEUS_PASSWORD: the clusters are listed');
    expect(message).toContain('2 fault(s)');
    expect(message).not.toContain('very-secret');
  });

  it('reads URLs with passwords from files of their own', async () => {
    await writeFile(join(folder, 'db-url'), 'postgres://canaryd:secret@db/c\n');
    await writeFile(join(folder, 'no-url'), 'very-secret\n');
    const rest = twoClusters.replace(/^databaseUrl.*\n/, '');
    const config = await readConfig(await configured(`databaseUrlFile: db-url\n${rest}`));
    expect(config.databaseUrl).toBe('postgres://canaryd:secret@db/c');
    const message = await messageOf(
      await configured(`databaseUrlFile: no-url\nredisUrlFile: nowhere\n${rest}`),
    );
    expect(message).toContain(
      'databaseUrlFile (line 1) names a file with something else: write a URL that begins',
    );
    expect(message).toContain('redisUrlFile (line 2) cannot be read: ENOENT');
    expect(message).not.toContain('very-secret');
  });

  it('names the key and the line of every fault, and says what was most likely meant', async () => {
    const message = await messageOf(
      await configured(`databaseURL: postgres://canaryd:secret-of-the-database@db/c
tokensFile: t
databaseUrl: mysql://root:secret-of-the-database@db
databaseUrlFile: both
retention: { measurementDays: 0, auditMonth: 3 }
clusters:
  - name: EU
    kubeconfg: a
    prometheus:
      url: ftp://prometheus
      password: secret-of-prometheus
      scrapeSeconds: "15"
  - name: us
    inCluster: true
    kubeconfig: a
    prometheus: { bearerTokenFile: a, user: b, headers: { Authorization: secret-of-prometheus } }
  - name: us
    inCluster: true
    context: a
    prometheus: { url: http://p, passwordFile: x, headers: { "a b": c } }
`),
    );
    expect(message).not.toContain('secret-of');
    for (const fault of [
      'databaseURL (line 1) is no setting: did you mean databaseUrl?',
      'databaseUrl (line 3) is not valid: write a URL that begins with postgres://',
      'databaseUrl (line 3) goes without databaseUrlFile: keep one',
      'retention.measurementDays (line 5) is not valid: write a whole number from 1 to 3650',
      'retention.auditMonth (line 5) is no setting: did you mean auditMonths?',
      'clusters[0].name (line 7) is not valid: a cluster name has',
      'clusters[0].kubeconfg (line 8) is no setting: did you mean kubeconfig?',
      'clusters[0] (line 7) needs either kubeconfig, with the path of one, or `inCluster: true`',
      'clusters[0].prometheus.url (line 10) is not valid: write a URL that begins with http:// or https://',
      'clusters[0].prometheus.password (line 11) is no setting: write the secret into a file of its own and its path as passwordFile',
      'clusters[0].prometheus.scrapeSeconds (line 12) is not valid: write seconds above 0, at most 300',
      'clusters[1] (line 13) needs either kubeconfig',
      'clusters[1].prometheus.url (line 16) is missing: write a URL that begins with http:// or https://',
      'clusters[1].prometheus.bearerTokenFile (line 16) goes without user and passwordFile: keep one way',
      'clusters[1].prometheus.user (line 16) goes together with the password: set both or none',
      'clusters[1].prometheus.headers (line 16) carry no Authorization: name the file of the token as bearerTokenFile',
      'clusters[2].name (line 17) is used twice: give each cluster a name of its own',
      'clusters[2].context (line 19) belongs to a kubeconfig: name that, or take it out',
      'clusters[2].prometheus.user (line 20) goes together with the password: set both or none',
      'clusters[2].prometheus.headers (line 20) is not valid: a header has a name',
    ]) {
      expect(message).toContain(fault);
    }
    expect(message).toContain('21 fault(s)');
  });

  it('holds an Alertmanager to what it holds a Prometheus to', async () => {
    const written = (alertmanager: string) =>
      configured(`databaseUrl: postgres://db/c
tokensFile: t
clusters:
  - name: eu
    inCluster: true
    prometheus: { url: http://p }
    alertmanager: ${alertmanager}
`);
    const message = await messageOf(
      await written('{ urll: x, token: secret-of, user: b, headers: { authorization: secret-of } }'),
    );
    expect(message.split('\n').map((line) => line.trim())).toEqual([
      expect.stringMatching(/^the configuration in .* has 5 fault\(s\):$/),
      'clusters[0].alertmanager.url (line 7) is missing: write a URL that begins with http:// or https://',
      'clusters[0].alertmanager.urll (line 7) is no setting: did you mean url?',
      'clusters[0].alertmanager.token (line 7) is no setting: write the secret into a file of its own and its path as bearerTokenFile',
      'clusters[0].alertmanager.user (line 7) goes together with the password: set both or none',
      'clusters[0].alertmanager.headers (line 7) carry no Authorization: name the file of the token as bearerTokenFile',
    ]);
    expect(await messageOf(await written('http://alertmanager'))).toContain(
      'clusters[0].alertmanager (line 7) is not valid: write the keys of an Alertmanager: at least url',
    );
    const odd = await messageOf(await written('{ url: "http://u:secret%zz@alertmanager" }'));
    expect(odd).toContain(
      'alertmanager.url (line 7) is not valid: write a "%" in its user or password as %25',
    );
    expect(odd).not.toContain('secret%zz');
    const both = await written('{ url: http://a, user: b, passwordFile: c, bearerTokenFile: d }');
    expect(await messageOf(both)).toContain('alertmanager.bearerTokenFile (line 7) goes without user');
    const beside = { ...(await written('{ url: http://a }')), CANARYD_ALERTMANAGER_URL: 'http://b' };
    expect(await messageOf(beside)).toContain(
      'CANARYD_ALERTMANAGER_URL: the clusters are listed in the file',
    );
  });

  it("keeps Prometheus' password of the environment from an Alertmanager", async () => {
    const config = await readConfig({
      ...least,
      CANARYD_PROMETHEUS_USER: 'u',
      CANARYD_PROMETHEUS_PASSWORD: 'secret-of',
      CANARYD_ALERTMANAGER_URL: 'http://a',
    });
    expect(config.clusters[0]?.alertmanager).toEqual({
      url: 'http://a',
      auth: { kind: 'none' },
      headers: {},
    });
  });

  it.each([
    ['a: 1\na: 2\n', 'line 2: a key is written twice'],
    ['a: [1\nb: "secret-text\n', 'this is no YAML'],
    ['- secret-text\n', 'line 1: write keys and values'],
    ['', 'line 1: write keys and values'],
  ])('that is broken says where and quotes nothing: %j', async (text, expected) => {
    const message = await messageOf(await configured(text));
    expect(message).toContain(expected);
    expect(message).not.toContain('secret-text');
  });

  it('that is not there is named', async () => {
    expect(await messageOf({ CANARYD_CONFIG: join(folder, 'nowhere') })).toContain(
      'CANARYD_CONFIG names a file that cannot be read: ENOENT',
    );
  });
});
