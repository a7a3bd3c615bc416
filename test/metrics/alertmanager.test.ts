import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { Provider } from '../../src/metrics/address.ts';
import { alertsAt, silencesAt } from '../../src/metrics/alertmanager.ts';
import { type ClusterPrometheus, clusterMetrics } from '../../src/metrics/clusters.ts';
import { notAsked } from '../../src/readiness/snapshot.ts';
import { someInstant, targetOf } from './requests.ts';

const never = new AbortController().signal;
let server: Server;
let url = '';
let folder = '';
let respond: (response: ServerResponse, path: string) => void;
const seen: { path: string | undefined; headers: IncomingMessage['headers'] }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-alertmanager-'));
  server = createServer((request, response) => {
    seen.push({ path: request.url, headers: request.headers });
    respond(response, request.url ?? '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  seen.length = 0;
  respond = (response) => json(response, silences);
});

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** As Alertmanager's `/api/v2/silences` answers it. */
function silence(id: string, state: string, changes: object = {}) {
  return {
    id,
    status: { state },
    updatedAt: '2026-01-01T00:00:00.000Z',
    comment: 'planned maintenance of the ledger',
    createdBy: 'ana',
    endsAt: '2026-01-01T02:00:00.000Z',
    matchers: [{ isEqual: false, isRegex: true, name: 'namespace', value: 'bank|order' }],
    startsAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  };
}

const old = { isRegex: false, name: 'severity', value: 'critical' };
const silences = [
  silence('one', 'active'),
  silence('over', 'expired'),
  silence('later', 'pending'),
  silence('two', 'active', { matchers: [old], endsAt: '2026-01-01T02:00:00+01:00', comment: '' }),
];

const at = (changes: Partial<Provider> = {}) =>
  silencesAt({ url: `${url}/alertmanager/`, auth: { kind: 'none' }, headers: {}, ...changes });
const read = (changes: Partial<Provider> = {}) => at(changes)(never);

describe('the silences of an Alertmanager', () => {
  it('are those that hold now, with what they match', async () => {
    expect(await read()).toEqual({
      kind: 'read',
      value: [
        {
          id: 'one',
          matchers: [{ name: 'namespace', value: 'bank|order', isRegex: true, isEqual: false }],
          endsAt: Date.parse('2026-01-01T02:00:00Z'),
          createdBy: 'ana',
          comment: 'planned maintenance of the ledger',
        },
        {
          id: 'two',
          matchers: [{ ...old, isEqual: true }],
          endsAt: Date.parse('2026-01-01T01:00:00Z'),
          createdBy: 'ana',
          comment: '',
        },
      ],
    });
    expect(seen.map(({ path }) => path)).toEqual(['/alertmanager/api/v2/silences']);
  });

  it('are none where there is none', async () => {
    respond = (response) => json(response, []);
    expect(await read()).toEqual({ kind: 'read', value: [] });
  });

  it('have a gap for each that is not understood, unless it says that it is over', async () => {
    respond = (response) =>
      json(response, [
        silence('odd', 'active', { matchers: 7 }),
        silence('old', 'expired', { endsAt: 7 }),
        3,
      ]);
    expect(await read()).toMatchObject({
      kind: 'read',
      value: [],
      gaps: [
        expect.stringMatching(/^a silence is not understood: matchers /),
        expect.stringMatching(/^a silence is not understood: it /),
      ],
    });
  });

  it('are asked for with user and password, token or further headers', async () => {
    const password = { kind: 'text', text: 's3cret' } as const;
    await read({ auth: { kind: 'basic', user: 'ana', password } });
    await read({ auth: { kind: 'bearer', token: { kind: 'text', text: 't' } } });
    await read({ headers: { 'X-Scope-OrgID': 'bank' } });
    await read({ url: url.replace('//', '//ana:s3cret@') });
    const basic = `Basic ${Buffer.from('ana:s3cret').toString('base64')}`;
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([basic, 'Bearer t', undefined, basic]);
    expect(seen[2]?.headers['x-scope-orgid']).toBe('bank');
  });

  it('are asked for with the token that stands in its file now', async () => {
    const path = join(folder, 'token');
    const ask = at({ auth: { kind: 'bearer', token: { kind: 'file', path } } });
    expect(await ask(never)).toMatchObject({
      kind: 'unread',
      why: `the file ${path} with the credentials of Alertmanager cannot be read: ENOENT`,
    });
    for (const token of ['first', 'second']) {
      await writeFile(path, `${token}\n`);
      await ask(never);
    }
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'a refusal',
      (response) => response.writeHead(401).end('s3cret'),
      /refused the credentials \(HTTP 401\)/,
    ],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: '/login' }).end(),
      /redirects elsewhere/,
    ],
    ['an error', (response) => response.writeHead(500).end('oh'), /answered HTTP 500/],
    ['HTML', (response) => response.end('<html>'), /not Alertmanager's API: check the address/],
    ['another form', (response) => json(response, { status: 'success' }), /not Alertmanager's API/],
    [
      'half an answer',
      (response) => void response.write('[', () => response.destroy()),
      /broke off its answer/,
    ],
    ['nothing', (response) => void response.destroy(), /gave no answer|broke/],
    ['more than anybody reads', endless, /answered with more than 16 MB/],
  ])('are unknown when it answers with %s, and nothing is thrown', async (_name, answer, why) => {
    respond = answer;
    const fact = await read({ url: url.replace('//', '//ana:s3cret@') });
    expect(fact).toMatchObject({
      kind: 'unread',
      why: expect.stringMatching(why),
      mend: expect.stringContaining('canaryd doctor'),
    });
    expect(fact.kind === 'unread' && fact.why).toMatch(/^Alertmanager at 127\.0\.0\.1:\d+ /);
    expect(JSON.stringify(fact)).not.toContain('s3cret');
  });

  it('are unknown when nobody answers in time, or nobody waits', async () => {
    respond = () => undefined;
    const given = new AbortController();
    const fact = at()(given.signal);
    given.abort();
    const late = { kind: 'unread', why: expect.stringContaining('gave no answer in time') };
    expect(await fact).toMatchObject(late);
    const hurried = silencesAt({ url, auth: { kind: 'none' }, headers: {} }, 50);
    expect(await hurried(never)).toMatchObject(late);
    respond = (response) => void response.write('[');
    expect(await hurried(never)).toMatchObject(late);
    const nowhere = await read({ url: 'http://127.0.0.1:9' });
    expect(nowhere).toMatchObject({ why: expect.stringMatching(/refused the connection|gave no answer/) });
  });

  it('need an address that is one', () => {
    expect(() => at({ url: 'alertmanager:9093' })).toThrow("Alertmanager's address is an http or https URL");
  });

  it('need credentials that can be read, and name the setting where they cannot', () => {
    const refused = () => at({ url: 'http://ana:s3cret%zz@alertmanager.test' });
    expect(refused).toThrow(AppError);
    expect(refused).toThrow(
      /clusters\[\]\.alertmanager\.url has a "%" that encodes nothing: write it as %25/,
    );
    expect(refused).not.toThrow(/s3cret/);
  });
});

function endless(response: ServerResponse): void {
  const part = ' '.repeat(1024 * 1024);
  const more = (): void => {
    while (!response.destroyed && response.write(part));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

describe('the silences of a cluster', () => {
  const cluster: ClusterPrometheus = {
    cluster: 'default',
    url: 'http://127.0.0.1:9',
    auth: { kind: 'none' },
    headers: {},
    scrapeSeconds: 15,
  };
  const question = { target: targetOf('payments'), now: someInstant, errorBudgets: [] };
  const ours = (): ClusterPrometheus => ({
    ...cluster,
    alertmanager: { url, auth: { kind: 'none' }, headers: {} },
  });

  it('are known though its Prometheus does not answer', async () => {
    const wanted = new Set(['silences', 'provider'] as const);
    const { silences, provider } = await clusterMetrics([ours()]).facts({ ...question, wanted }, never);
    expect([silences.kind, provider.kind]).toEqual(['read', 'unread']);
  });

  it('are not asked for where nobody wants them', async () => {
    const wanted = new Set(['provider'] as const);
    expect((await clusterMetrics([ours()]).facts({ ...question, wanted }, never)).silences).toEqual(notAsked);
    expect(seen).toEqual([]);
  });

  it('are unknown without an Alertmanager, which names the setting', async () => {
    const wanted = new Set(['silences'] as const);
    expect((await clusterMetrics([cluster]).facts({ ...question, wanted }, never)).silences).toMatchObject({
      kind: 'unread',
      why: 'no Alertmanager is configured for this cluster',
      mend: expect.stringContaining('CANARYD_ALERTMANAGER_URL'),
    });
  });
});

/** As Alertmanager's `/api/v2/alerts` answers it. */
function active(labels: Record<string, string>, changes: object = {}) {
  return {
    annotations: {},
    endsAt: '2026-01-01T00:04:00.000Z',
    fingerprint: '1a2b3c4d5e6f7a8b',
    receivers: [{ name: 'pagers' }],
    startsAt: '2026-01-01T00:00:00.000Z',
    status: { inhibitedBy: [], silencedBy: [], state: 'active' },
    updatedAt: '2026-01-01T00:00:30.000Z',
    generatorURL: 'http://prometheus.test/graph',
    labels,
    ...changes,
  };
}

describe('the alerts of an Alertmanager', () => {
  it('are those of which people are told', async () => {
    const suppressed = { status: { inhibitedBy: [], silencedBy: ['a'], state: 'suppressed' } };
    respond = (response) =>
      json(response, [
        active({ alertname: 'Slow', severity: 'critical' }),
        active({ alertname: 'Hidden' }, suppressed),
        active({ alertname: 'Odd' }, { startsAt: 7 }),
        { labels: 7 },
      ]);
    const read = alertsAt({ url, auth: { kind: 'none' }, headers: {} });
    expect(await read(never)).toEqual({
      kind: 'read',
      value: [
        {
          name: 'Slow',
          labels: { alertname: 'Slow', severity: 'critical' },
          state: 'firing',
          since: Date.parse('2026-01-01T00:00:00Z'),
        },
        { name: 'Odd', labels: { alertname: 'Odd' }, state: 'firing', since: null },
      ],
      gaps: [expect.stringMatching(/^an alert of Alertmanager is not understood: labels /)],
    });
    expect(seen.map(({ path }) => path)).toEqual([
      '/api/v2/alerts?active=true&silenced=false&inhibited=false',
    ]);
  });
});

describe('the alerts of a cluster', () => {
  const wanted = new Set(['alerts'] as const);
  const question = { target: targetOf('payments'), now: someInstant, errorBudgets: [], wanted };
  const none = { auth: { kind: 'none' } as const, headers: {} };
  const named = (cluster: string): ClusterPrometheus => ({ ...none, cluster, url, scrapeSeconds: 15 });
  const withIt = (cluster: string) => ({ ...named(cluster), alertmanager: { ...none, url } });
  const alertsOf = async (...clusters: ClusterPrometheus[]) =>
    (await clusterMetrics(clusters).facts(question, never)).alerts;
  const namesOf = (alerts: Awaited<ReturnType<typeof alertsOf>>) =>
    alerts.kind === 'read' ? alerts.value.map(({ name, labels }) => `${name} ${labels['cluster']}`) : alerts;

  const alertingRule = { name: 'Slow', type: 'alerting', query: 'p99 > 1', health: 'ok' };
  const ruled = { groups: [{ name: 'g', interval: 30, rules: [alertingRule] }] };

  /** A Prometheus and an Alertmanager at one address; null for one that does not answer. */
  function both(
    ofPrometheus: Record<string, string>[] | null,
    ofAlertmanager: unknown[] | null,
    rules: object = { groups: [] },
  ): void {
    const alerts = ofPrometheus?.map((labels) => ({ labels, state: 'firing', activeAt: '' })) ?? null;
    const answers = new Map<string, unknown>([
      ['/api/v1/alerts', alerts && { status: 'success', data: { alerts } }],
      ['/api/v1/rules', { status: 'success', data: rules }],
      ['/api/v2/alerts', ofAlertmanager],
    ]);
    respond = (response, path) => {
      const answer = answers.get(path.split('?')[0] ?? '') ?? null;
      if (answer === null) response.writeHead(500).end();
      else json(response, answer);
    };
  }

  it('are unknown where Prometheus has no rule and no Alertmanager is configured, which names the setting', async () => {
    both([], []);
    expect(await alertsOf(named('default'))).toMatchObject({
      kind: 'unread',
      why: expect.stringMatching(/^Prometheus has no alert rule, .*Mimir, Thanos or Grafana$/),
      mend: expect.stringContaining('clusters[].alertmanager'),
    });
    expect(seen.map(({ path }) => path?.split('?')[0])).toEqual(['/api/v1/alerts', '/api/v1/rules']);
  });

  it('are none where Prometheus has rules, or where its Alertmanager has none', async () => {
    both([], null, ruled);
    expect(await alertsOf(named('default'))).toEqual({ kind: 'read', value: [] });
    both([], []);
    expect(await alertsOf(withIt('default'))).toEqual({ kind: 'read', value: [] });
  });

  it('are those of a ruler elsewhere, which only the Alertmanager knows', async () => {
    const labels = { alertname: 'Slow', severity: 'critical' };
    for (const ofPrometheus of [[], null]) {
      both(ofPrometheus, [active(labels)]);
      expect(await alertsOf(withIt('default'))).toMatchObject({ kind: 'read', value: [{ labels }] });
    }
  });

  it('are each told once, though Prometheus adds labels when it sends one', async () => {
    const labels = { alertname: 'Slow', pod: 'a' };
    both(
      [labels],
      [
        active({ ...labels, prometheus: 'monitoring/k8s', region: 'eu' }),
        active({ ...labels, pod: 'b' }),
        active({ alertname: 'Errors', pod: 'a' }),
      ],
    );
    const alerts = await alertsOf(withIt('default'));
    expect(alerts).toMatchObject({
      kind: 'read',
      value: [{ labels }, { labels: { alertname: 'Slow', pod: 'b' } }, { name: 'Errors' }],
    });
  });

  it('have a gap where the Alertmanager does not answer, and are unknown where neither does', async () => {
    both([{ alertname: 'Watchdog' }], null);
    expect(await alertsOf(withIt('default'))).toMatchObject({
      kind: 'read',
      value: [{ name: 'Watchdog' }],
      gaps: [expect.stringMatching(/^Alertmanager at .* answered HTTP 500$/)],
    });
    both(null, null);
    expect(await alertsOf(withIt('default'))).toMatchObject({
      kind: 'unread',
      why: expect.stringMatching(/^Prometheus at .*; Alertmanager at .* answered HTTP 500$/),
    });
  });

  it('are not those of another cluster of the configuration', async () => {
    both([{ alertname: 'A', cluster: 'us' }, { alertname: 'B' }, { alertname: 'C', cluster: 'moon' }], []);
    expect(namesOf(await alertsOf(withIt('default'), named('us')))).toEqual(['B undefined', 'C moon']);
  });

  it('are none of any other cluster where the label is what canaryd calls this one', async () => {
    both(
      [{ alertname: 'A', cluster: 'default' }, { alertname: 'B' }, { alertname: 'C', cluster: 'moon' }],
      [],
    );
    expect(namesOf(await alertsOf(withIt('default')))).toEqual(['A default', 'B undefined']);
  });
});
