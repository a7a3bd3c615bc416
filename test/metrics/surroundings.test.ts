import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clusterMetrics } from '../../src/metrics/clusters.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import { allChecks } from '../../src/readiness/all-checks.ts';
import { notAsked } from '../../src/readiness/snapshot.ts';
import { type MetricsFacts, metricsFacts } from '../../src/readiness/sources.ts';
import { factsFor } from '../../src/rollout/inspect.ts';
import type { MetricsQuestion } from '../../src/rollout/ports/readiness.ts';
import type { Target } from '../../src/rollout/target.ts';
import { json } from './canned-prometheus.ts';
import { someInstant, targetOf } from './requests.ts';

const never = new AbortController().signal;
const headers = { authorization: 'Bearer s3cret' };
let server: Server;
let url = '';
let respond: (path: string, asked: URLSearchParams, response: ServerResponse) => void = nothing;
let [running, most] = [0, 0];
const seen: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://prometheus.test');
    running += 1;
    most = Math.max(most, running);
    response.once('close', () => (running -= 1));
    seen.push(`${pathname} ${searchParams.toString()} ${request.headers.authorization}`);
    respond(pathname.replace('/api/v1/', ''), searchParams, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  respond = nothing;
  seen.length = 0;
});

const success = (data: unknown) => ({ status: 'success', data });

/** A provider that works and has nothing. */
function nothing(path: string, asked: URLSearchParams, response: ServerResponse): void {
  const time = { resultType: 'scalar', result: [0, String(someInstant / 1000 + 5)] };
  const rows = asked.get('query') === 'time()' ? time : { resultType: 'vector', result: [] };
  const lists: Record<string, unknown> = {
    labels: [],
    targets: { activeTargets: [] },
    rules: { groups: [] },
    alerts: { alerts: [] },
  };
  json(response, 200, success(lists[path] ?? rows));
}

const budget = { series: 'slo:budget_left:ratio', labels: { service: 'payments' }, min: 0.1 };

/** A question for everything, with whatever the test changes. */
function questionOf(changes: Partial<MetricsQuestion> = {}): MetricsQuestion {
  const target = targetOf('payments');
  return { target, now: someInstant, errorBudgets: [budget], wanted: new Set(metricsFacts), ...changes };
}

const answerTo = (question: MetricsQuestion, signal = never): Promise<MetricsFacts> =>
  prometheusMetrics({ url, scrapeSeconds: 15, headers }).facts(question, signal);
const factsOf = (target: Target = targetOf('payments'), signal = never): Promise<MetricsFacts> =>
  answerTo(questionOf({ target }), signal);

const kinds = (facts: MetricsFacts) =>
  Object.fromEntries(Object.entries(facts).map(([name, { kind }]) => [name, kind]));
const allUnread = Object.fromEntries(metricsFacts.map((name) => [name, 'unread']));

describe('what a provider of metrics tells of a target', () => {
  it('is unknown and not zero where it has no series, and none where none may be', async () => {
    const facts = await factsOf();
    expect(kinds(facts)).toEqual({
      ...allUnread,
      provider: 'read',
      scrape: 'read',
      alertRules: 'read',
      proxySync: 'read',
      errorBudgets: 'read',
    });
    expect(facts.proxySync).toEqual({
      kind: 'read',
      value: { rejected: null, lateRatio: null, window: 300 },
    });
    const query = 'slo:budget_left:ratio{service="payments"}';
    expect(facts.errorBudgets).toEqual({ kind: 'read', value: [{ query, left: null, min: 0.1 }] });
    const { provider, scrape } = facts;
    expect(provider.kind === 'read' && provider.value.clockOffset).toBeCloseTo(5, 0);
    expect(scrape).toMatchObject({ value: 15, gaps: [expect.any(String)] });
  });

  it('says why where it failed, without a password, and keeps the rest', async () => {
    respond = (path, asked, response) => {
      if (path === 'rules') json(response, 404, { status: 'error', error: 'page not found' });
      else if (/citadel|kube_pod_labels/.test(asked.get('query') ?? '')) response.destroy();
      else nothing(path, asked, response);
    };
    const facts = await factsOf();
    expect(kinds(facts)).toMatchObject({ provider: 'read', proxySync: 'read', alertRules: 'unread' });
    const why = expect.stringMatching(
      /^Prometheus at 127\.0\.0\.1:\d+ refused the query \(HTTP 404\): page not found/,
    );
    expect(facts.alertRules).toMatchObject({ why, mend: expect.stringContaining('canaryd doctor') });
    expect(facts.meshCertificates).toMatchObject({ why: expect.stringContaining('broke') });
    expect(facts.throttling).toMatchObject({ why: expect.stringContaining('broke') });
    expect(JSON.stringify(facts)).not.toContain('s3cret');
  });

  it('is asked with the headers that the provider wants, eight questions at a time', async () => {
    most = 0;
    await factsOf();
    expect(seen.every((one) => one.endsWith(' Bearer s3cret'))).toBe(true);
    expect(seen.find((one) => one.startsWith('/api/v1/labels '))).toContain(
      'match%5B%5D=istio_requests_total',
    );
    expect(seen).toContain('/api/v1/rules type=alert&exclude_alerts=true Bearer s3cret');
    expect(seen.length).toBeGreaterThan(15);
    expect(most).toBeLessThanOrEqual(8);
  });

  it.each([
    ['HTML', (response: ServerResponse) => response.end('<html>')],
    ['another form', (response: ServerResponse) => json(response, 200, { status: 'success', data: 7 })],
    ['a refusal', (response: ServerResponse) => json(response, 401, {})],
  ])('is unknown when it answers with %s, and nothing is thrown', async (_name, answer) => {
    respond = (_path, _asked, response) => void answer(response);
    expect(kinds(await factsOf())).toEqual({ ...allUnread, scrape: 'read' });
  });

  it('ends when nobody waits for it any more', async () => {
    respond = () => undefined;
    const given = new AbortController();
    const facts = factsOf(targetOf('payments'), given.signal);
    given.abort();
    expect((await facts).callers).toMatchObject({ why: expect.stringContaining('gave no answer in time') });
  });

  it('leaves a name out of every query that could end one', async () => {
    const { callers, provider } = await factsOf(targetOf('pay"} or vector(1) #'));
    expect(callers).toMatchObject({ kind: 'unread', why: expect.stringContaining('is no label value') });
    expect(provider.kind).toBe('read');
    expect(seen.join('\n')).not.toContain('vector%281%29');
  });

  it('is unknown for a cluster that is configured no more', async () => {
    const none = await clusterMetrics([]).facts(questionOf(), never);
    expect(kinds(none)).toEqual(allUnread);
    expect(none.alerts).toMatchObject({
      why: 'the cluster default is not in the configuration of canaryd any more',
    });
    expect(none.silences).toMatchObject({
      why: 'no Alertmanager is configured for this cluster',
      mend: expect.stringContaining('clusters[].alertmanager.url (CANARYD_ALERTMANAGER_URL)'),
    });
    const few = await clusterMetrics([]).facts(questionOf({ wanted: new Set(['alerts']) }), never);
    expect([few.alerts.kind, few.callers, few.silences]).toEqual(['unread', notAsked, notAsked]);
  });
});

const paths = () => seen.map((one) => one.split(' ')[0]?.replace('/api/v1/', ''));

describe('what nobody wants to know', () => {
  const again = factsFor(allChecks.filter((check) => check.again));
  const ofRaise = new Set(metricsFacts.filter((name) => again.has(name)));

  it('costs no question: before a raise at most five are asked, and the rules where no alert fires', async () => {
    await answerTo(questionOf({ wanted: ofRaise }));
    expect(paths().filter((path) => path === 'rules')).toHaveLength(1);
    expect(seen.length).toBeLessThanOrEqual(6);
    seen.length = 0;
    respond = (path, asked, response) => {
      const alerts = [{ labels: { alertname: 'Watchdog' }, state: 'firing' }];
      if (path === 'alerts') json(response, 200, success({ alerts }));
      else nothing(path, asked, response);
    };
    const facts = await answerTo(questionOf({ wanted: ofRaise }));
    expect(ofRaise).toContain('alerts');
    expect(seen.length).toBeLessThanOrEqual(5);
    expect(seen.filter((one) => /time%28%29|403|alerts|response_code|pilot_/.test(one))).toHaveLength(
      seen.length,
    );
    const unwanted = metricsFacts.filter((name) => !ofRaise.has(name));
    for (const name of unwanted) expect([name, facts[name]]).toEqual([name, notAsked]);
    expect(seen.join('\n')).not.toMatch(/cert_expiry|throttled|kube_pod_labels|\/rules|\/targets|\/labels/);
  });

  it('costs no question when that is everything', async () => {
    const facts = await answerTo(questionOf({ wanted: new Set() }));
    expect(seen).toEqual([]);
    expect(new Set(Object.values(facts))).toEqual(new Set([notAsked]));
    expect(Object.keys(facts)).toEqual(metricsFacts);
  });

  it.each<[keyof MetricsFacts, string[]]>([
    ['provider', ['query']],
    ['metricLabels', ['labels', 'labels']],
    ['scrape', ['query', 'query', 'targets']],
    ['requestSeries', ['query']],
    ['callers', ['query', 'query']],
    ['callees', ['query']],
    ['forbidden', ['query']],
    ['proxyCertificates', ['query', 'query', 'query']],
    ['meshCertificates', ['query', 'query', 'query', 'query']],
    ['throttling', ['query', 'query', 'query']],
    ['proxySync', ['query', 'query']],
    ['errorBudgets', ['query']],
    ['alertRules', ['rules']],
    ['alerts', ['alerts', 'rules']],
    ['silences', []],
  ])('is left out where only %s is wanted', async (name, asked) => {
    const facts = await answerTo(questionOf({ wanted: new Set([name]) }));
    expect(paths().toSorted()).toEqual(asked);
    const others = Object.entries(facts).filter(([other]) => other !== name);
    expect(others.every(([, fact]) => fact === notAsked)).toBe(true);
    expect(facts[name]).not.toBe(notAsked);
  });

  it('is asked once where two facts are read from it', async () => {
    await answerTo(questionOf({ wanted: new Set(['scrape', 'requestSeries']) }));
    expect(paths().toSorted()).toEqual(['query', 'query', 'targets']);
    seen.length = 0;
    await answerTo(questionOf({ wanted: new Set(['proxyCertificates', 'throttling']) }));
    expect(paths()).toHaveLength(5);
    seen.length = 0;
    await answerTo(questionOf({ wanted: new Set(['alerts', 'alertRules']) }));
    expect(paths().toSorted()).toEqual(['alerts', 'rules']);
  });
});
