import { describe, expect, it } from 'vitest';
import { checkAlertmanager } from '../../src/doctor/alertmanager.ts';
import { checkCluster } from '../../src/doctor/cluster.ts';
import { checkDatabase } from '../../src/doctor/database.ts';
import { checkPrometheus, checkShared } from '../../src/doctor/prometheus.ts';
import { checkQueue } from '../../src/doctor/queue.ts';
import { asJson, asText, type Check, isHealthy } from '../../src/doctor/report.ts';
import type { PrometheusFacts } from '../../src/metrics/inspect-prometheus.ts';
import type { DatabaseFacts } from '../../src/store/inspect-database.ts';
import type { Right } from '../../src/traffic/access-review.ts';
import type { ClusterFacts } from '../../src/traffic/inspect-cluster.ts';

function saidOf(checks: Check[], what: string): string {
  const found = checks.filter((check) => check.what === what);
  return found.map(({ level, says }) => `${level}: ${says}`).join('\n');
}

const database: DatabaseFacts = {
  version: '15.8',
  versionNumber: 150_008,
  clockMs: 1_000_000,
  localMs: 1_000_000,
  role: 'canaryd',
  isSuperuser: false,
  mayCreate: true,
  limits: { statement: '3s', lock: '1s', idle: '3s' },
  applied: 3,
  newest: 3,
};

describe('PostgreSQL', () => {
  it('is well when it is new enough, up to date, limited, humble and in time', () => {
    expect(checkDatabase(database).map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it.each<[string, Partial<DatabaseFacts>, string]>([
    [
      'postgresql',
      { version: '14.9', versionNumber: 140_009 },
      'fail: version 14.9 is too old: install PostgreSQL 15 or newer.',
    ],
    [
      'postgresql tables',
      { applied: 2 },
      'warn: 1 migration(s) behind: the next start of canaryd mends that by itself.',
    ],
    [
      'postgresql tables',
      { applied: 2, mayCreate: false },
      'fail: 1 migration(s) behind, and the role canaryd may not make tables: grant CREATE on the database and on its schema.',
    ],
    [
      'postgresql tables',
      { applied: 4 },
      'warn: made by a newer canaryd (migration 4, this one knows 3): install that one here, too.',
    ],
    [
      'postgresql limits',
      { limits: { statement: '0', lock: '0', idle: '0' } },
      'fail: the server does not take the limits of a connection (statement 0, lock 0, idle 0): connect without a pooler, or let it pass them on.',
    ],
    [
      'postgresql role',
      { role: 'postgres', isSuperuser: true },
      'warn: postgres is a superuser, which canaryd does not need, and could change the audit log: make it a role and a database of its own.',
    ],
    ['postgresql clock', { clockMs: 1_001_999 }, "ok: 2.0 s ahead of this machine's."],
    [
      'postgresql clock',
      { clockMs: 998_000 },
      "warn: 2.0 s behind this machine's: alarms ring early or late, and such turns wait for a sweep of up to 7 s. Set both machines by a time server.",
    ],
  ])('%s %j', (what, changes, expected) => {
    expect(saidOf(checkDatabase({ ...database, ...changes }), what)).toBe(expected);
  });
});

const facts: PrometheusFacts = {
  clock: { kind: 'found', value: { clockMs: 1_000_000, localMs: 1_000_000 } },
  series: { kind: 'found', value: 24 },
  scrapeSeconds: { kind: 'found', value: 15 },
};

function prometheus(changes: Partial<PrometheusFacts>, databaseAheadMs: number | null = 0): Check[] {
  return checkPrometheus({
    cluster: 'eu',
    facts: { ...facts, ...changes },
    scrapeSeconds: 15,
    databaseAheadMs,
  });
}

describe('Prometheus', () => {
  it('is all there is to say when it does not answer', () => {
    const checks = prometheus({ clock: { kind: 'failed', why: 'Prometheus at p refused the connection' } });
    expect(checks).toEqual([
      {
        level: 'fail',
        what: 'prometheus eu',
        says: 'Prometheus at p refused the connection. Nothing advances without metrics: check its address and credentials.',
      },
    ]);
  });

  it.each([
    [9, 'warn'],
    [9.1, 'ok'],
    [22.4, 'ok'],
    [22.5, 'warn'],
    [45, 'warn'],
    [45.1, 'fail'],
  ])('that scrapes every %d s where 15 s is configured: %s', (value, level) => {
    const checks = prometheus({ scrapeSeconds: { kind: 'found', value } });
    expect(checks.at(-1)).toMatchObject({ what: 'prometheus eu scrapes', level });
  });

  it.each([
    [4999, 'ok'],
    [-5000, 'warn'],
    [29_999, 'warn'],
    [30_000, 'fail'],
  ])("whose clock is %d ms off PostgreSQL's: %s", (byMs, level) => {
    const clock = { kind: 'found', value: { clockMs: 1_000_000 + byMs + 400, localMs: 1_000_000 } } as const;
    expect(prometheus({ clock }, 400)[1]).toMatchObject({ what: 'prometheus eu clock', level });
  });

  it('without Istio’s metrics says what to scrape, and nothing of how often', () => {
    const checks = prometheus({ series: { kind: 'found', value: 0 } });
    expect(saidOf(checks, 'prometheus eu metrics')).toBe(
      'fail: istio_requests_total with reporter="destination" has no series: scrape the proxies of the mesh, and send a request through one.',
    );
    expect(saidOf(checks, 'prometheus eu scrapes')).toBe('');
  });
});

const right: Right = { verb: 'list', group: '', resource: 'pods', namespace: 'bank', name: '' };
const cluster: ClusterFacts = {
  server: { kind: 'found', value: { version: 'v1.36.2', clockMs: 1_000_000, localMs: 1_000_000 } },
  istio: { kind: 'found', value: 'v1' },
  rights: [{ right, allowed: { kind: 'found', value: true } }],
  target: { kind: 'found', value: true },
};
const payments = { namespace: 'bank', name: 'payments', isSomewhere: false };

describe('the Prometheus of several clusters', () => {
  const asked = (name: string, headers: Record<string, string> = {}, url = 'http://thanos.test/') => ({
    name,
    prometheus: { url, headers, auth: { kind: 'none' as const }, scrapeSeconds: 15 },
  });

  it('is told of when two ask it in the same way, because their requests would be counted together', () => {
    const checks = checkShared([
      asked('eu'),
      asked('us', {}, 'http://thanos.test'),
      asked('asia', {}, 'http://p'),
    ]);
    expect(saidOf(checks, 'prometheus eu, us')).toMatch(/^warn: one Prometheus, .* counted together/);
    expect(checks).toHaveLength(1);
  });

  it('is well when a tenant keeps them apart', () => {
    const checks = checkShared([
      asked('eu', { 'X-Scope-OrgID': 'eu' }),
      asked('us', { 'X-Scope-OrgID': 'us' }),
    ]);
    expect(checks).toEqual([]);
  });
});

describe('an Alertmanager', () => {
  const silence = { id: 'a', matchers: [], endsAt: 0, createdBy: 'ana', comment: '' };

  it('is well when it answers, and may wait when it does not', () => {
    expect(checkAlertmanager('eu', { kind: 'read', value: [silence, silence] })).toEqual({
      level: 'ok',
      what: 'alertmanager eu',
      says: 'answers; active silences: 2.',
    });
    const why = 'Alertmanager at a refused the connection';
    expect(checkAlertmanager('eu', { kind: 'unread', why, mend: '' })).toEqual({
      level: 'warn',
      what: 'alertmanager eu',
      says: 'Alertmanager at a refused the connection. Whether a silence hides alerts stays unknown: check its address and credentials.',
    });
    expect(checkAlertmanager('eu', { kind: 'read', value: [], gaps: ['a silence is odd'] })).toMatchObject({
      level: 'warn',
      says: expect.stringContaining('a silence is odd'),
    });
  });
});

describe('a cluster', () => {
  it.each<[string, Partial<ClusterFacts>, RegExp]>([
    [
      'cluster eu',
      { server: { kind: 'failed', why: 'no answer' } },
      /^fail: no answer\. No weight moves there, not even back/,
    ],
    [
      'cluster eu istio',
      { istio: { kind: 'found', value: null } },
      /^fail: the cluster serves no VirtualService: install Istio\.$/,
    ],
    [
      'cluster eu istio',
      { istio: { kind: 'failed', why: 'it answered 503' } },
      /^fail: cannot be asked for: it answered 503\.$/,
    ],
    [
      'cluster eu rights',
      { rights: [{ right, allowed: { kind: 'found', value: false } }] },
      /^warn: not allowed in bank: list pods: who is ready stays unknown/,
    ],
    [
      'cluster eu rights',
      { rights: [{ right: { ...right, verb: 'watch' }, allowed: { kind: 'found', value: false } }] },
      /^ok: all that canaryd must do is allowed in bank\. Without watch pods every turn .* requests: add these to its Role/,
    ],
    [
      'cluster eu rights',
      { rights: [{ right, allowed: { kind: 'failed', why: 'it answered 404' } }] },
      /^warn: cannot be asked for: it answered 404\.$/,
    ],
    [
      'cluster eu clock',
      { server: { kind: 'found', value: { version: 'v1', clockMs: 1_030_000, localMs: 1_000_000 } } },
      /^warn: 30\.0 s ahead of this machine's: certificates and tokens/,
    ],
  ])('%s %j', (what, changes, expected) => {
    expect(saidOf(checkCluster('eu', { ...cluster, ...changes }, payments), what)).toMatch(expected);
  });

  it.each<[ClusterFacts['target'], boolean, string]>([
    [{ kind: 'found', value: true }, true, 'ok: VirtualService bank/payments is there.'],
    [{ kind: 'found', value: false }, false, 'fail: there is no VirtualService bank/payments.'],
    [{ kind: 'found', value: false }, true, 'ok: VirtualService bank/payments is in another cluster.'],
    [
      { kind: 'failed', why: 'it answered 403' },
      false,
      'warn: VirtualService bank/payments cannot be asked for: it answered 403.',
    ],
    [null, false, ''],
  ])('whose target is %j, somewhere %s: %s', (target, isSomewhere, expected) => {
    const checks = checkCluster('eu', { ...cluster, target }, { ...payments, isSomewhere });
    expect(saidOf(checks, 'cluster eu target')).toBe(expected);
  });

  it('that does not tell its time is not judged by it', () => {
    const server = { kind: 'found', value: { version: 'v1', clockMs: null, localMs: 1 } } as const;
    expect(saidOf(checkCluster('eu', { ...cluster, server }, null), 'cluster eu clock')).toBe('');
  });
});

describe('the queue', () => {
  it('may wait with a warning, or must be mended', () => {
    const findings = [
      { kind: 'old', version: '6.0' },
      { kind: 'evicts', policy: 'allkeys-lru' },
    ] as const;
    expect(checkQueue('redis', findings).map(({ level }) => level)).toEqual(['warn', 'fail']);
  });

  it("leaves PostgreSQL's clock to its own check", () => {
    expect(checkQueue('redis', [{ kind: 'clock', whose: 'process', aheadMs: 5000 }])).toMatchObject([
      { level: 'ok' },
    ]);
  });
});

describe('the report', () => {
  const checks: Check[] = [
    { level: 'ok', what: 'tokens', says: 'can be read.' },
    { level: 'warn', what: 'queue', says: `${'words '.repeat(30)}end.` },
  ];

  it('is healthy as long as nothing failed', () => {
    expect([isHealthy(checks), isHealthy([{ level: 'fail', what: 'x', says: 'y' }])]).toEqual([true, false]);
    expect(JSON.parse(asJson(checks))).toEqual({ ok: true, checks });
  });

  it('fits 80 columns, and what goes on is indented', () => {
    const lines = asText(checks).split('\n');
    expect(lines[0]).toBe('ok    tokens - can be read.');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines[2]).toMatch(/^ {6}words words/);
    expect(lines.at(-2)).toBe('1 ok, 1 warn, 0 fail');
  });
});
