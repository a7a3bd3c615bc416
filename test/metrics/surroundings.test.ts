import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clusterMetrics } from '../../src/metrics/clusters.ts';
import { prometheusMetrics } from '../../src/metrics/prometheus.ts';
import type { MetricsFacts } from '../../src/rollout/ports/readiness.ts';
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

const factsOf = (target: Target = targetOf('payments'), signal = never): Promise<MetricsFacts> =>
  prometheusMetrics({ url, scrapeSeconds: 15, headers }).facts(target, someInstant, signal);

const kinds = (facts: MetricsFacts) =>
  Object.fromEntries(Object.entries(facts).map(([name, { kind }]) => [name, kind]));
const allUnread = {
  provider: 'unread',
  metricLabels: 'unread',
  scrape: 'unread',
  requestSeries: 'unread',
  callers: 'unread',
  callees: 'unread',
  forbidden: 'unread',
  proxyCertificates: 'unread',
  meshCertificates: 'unread',
  throttling: 'unread',
  alertRules: 'unread',
  alerts: 'unread',
  silences: 'unread',
};

describe('what a provider of metrics tells of a target', () => {
  it('is unknown and not zero where it has no series, and none where none may be', async () => {
    const facts = await factsOf();
    expect(kinds(facts)).toEqual({
      ...allUnread,
      provider: 'read',
      scrape: 'read',
      alertRules: 'read',
      alerts: 'read',
    });
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
    expect(kinds(facts)).toMatchObject({ provider: 'read', alerts: 'read', alertRules: 'unread' });
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
    const none = await clusterMetrics([]).facts(targetOf('payments'), someInstant, never);
    expect(kinds(none)).toEqual(allUnread);
    expect(none.alerts).toMatchObject({
      why: 'the cluster default is not in the configuration of canaryd any more',
    });
    expect(none.silences).toMatchObject({
      why: expect.stringContaining('no Alertmanager is configured in canaryd'),
    });
  });
});
