import { describe, expect, it } from 'vitest';
import {
  latencyBuckets,
  newestSample,
  p99Latency,
  quoted,
  range,
  requestsAtCallers,
  requestsByCode,
  seenLately,
  selectService,
} from '../../src/metrics/promql.ts';
import type { Arm, Target } from '../../src/rollout/target.ts';
import { entryTarget, hostTarget, targetOf } from './requests.ts';

const endings = 'response_code, grpc_response_status, response_flags';
const service = 'destination_service_namespace="bank",destination_service_name="payments"';

function selector() {
  const selected = selectService(targetOf('payments'));
  if (selected.kind === 'refused') throw new Error(selected.why);
  return selected;
}

/** What a counter rose by in a minute: whole when it was born in it, else by what it gained. */
function risen(metric: string): string {
  const series = `${metric}{reporter="destination",${service}}`;
  const seen = `${series}[60s]`;
  const before = `${series} offset 60s`;
  const newborn = `((max_over_time(${seen}) unless ${before}) and on (job, instance) (${before} or up offset 60s == 1))`;
  return `${newborn} or increase(${seen}) or clamp_min(max_over_time(${seen}) - ${before}, 0)`;
}

describe('the queries', () => {
  it('count requests of both arms by response code in one query, so that a missing 5xx series is 0 errors', () => {
    expect(requestsByCode(selector(), 60)).toBe(
      `sum by (destination_version, ${endings}) (${risen('istio_requests_total')})`,
    );
  });

  it('count requests by latency bucket, and take the P99 of both arms over all their pods from these', () => {
    const buckets = `sum by (destination_version, le) (${risen('istio_request_duration_milliseconds_bucket')})`;
    expect(latencyBuckets(selector(), 60)).toBe(buckets);
    expect(p99Latency(selector(), 60)).toBe(`histogram_quantile(0.99, ${buckets})`);
  });

  it('look back to before a stretch of broken seconds as well', () => {
    expect(requestsByCode(selector(), 1.5)).toContain('[1500ms]) unless');
    expect(requestsByCode(selector(), 1.5)).toContain('up offset 1500ms == 1');
  });

  it('ask the callers for what never reached a pod', () => {
    expect(requestsAtCallers(selector(), 60)).toContain(`istio_requests_total{reporter="source",${service}}`);
  });

  it('ask for the newest sample, and for versions seen within the hour', () => {
    expect(newestSample(selector())).toContain(
      'max by (destination_version) (timestamp(istio_requests_total{',
    );
    expect(seenLately(selector())).toContain('[1h]');
  });
});

describe('the queries of destinations that have a host each', () => {
  const of = (target: Target) => {
    const selected = selectService(target);
    if (selected.kind === 'refused') throw new Error(selected.why);
    return selected;
  };
  const labels = 'destination_service_namespace, destination_service_name';
  const sentTo = (name: string, more = '') =>
    `{reporter="source",destination_service_namespace="bank",destination_service_name="${name}"${more}}`;

  it('count at the callers, who alone know by which host they called, a row for each service', () => {
    const query = requestsByCode(of(hostTarget()), 60);
    expect(query).not.toContain('reporter="destination"');
    expect(query).not.toContain('destination_version');
    const [stable, canary, ...more] = query.split(` or sum by (${labels}, ${endings}) (`);
    expect(more).toEqual([]);
    expect(stable).toContain(`istio_requests_total${sentTo('blue')}`);
    expect(canary).toContain(`istio_requests_total${sentTo('green')}`);
  });

  it('take the P99, the newest sample and the last hour of each service', () => {
    const selected = of(hostTarget());
    expect(p99Latency(selected, 60)).toMatch(/^histogram_quantile\(0\.99, sum by .* or sum by .*\)$/);
    expect(newestSample(selected)).toBe(
      `max by (${labels}) (timestamp(istio_requests_total${sentTo('blue')})) or max by (${labels}) (timestamp(istio_requests_total${sentTo('green')}))`,
    );
    expect(seenLately(selected)).toContain(`${sentTo('green')}[1h]`);
  });

  it('count only the version of a subset, where the destinations name subsets too', () => {
    const selected = of(hostTarget({ subset: 'v7' }));
    expect(requestsByCode(selected, 60)).toContain(sentTo('green', ',destination_version="v7"'));
    expect(requestsAtCallers(selected, 60)).not.toContain('"v7"');
  });

  it('ask for the callers of both services', () => {
    const query = requestsAtCallers(of(hostTarget()), 60);
    const by = `sum by (${labels}, destination_version, destination_workload, ${endings})`;
    expect(query.split(by)).toHaveLength(3);
    expect(query).toContain(sentTo('blue'));
    expect(query).toContain(sentTo('green'));
  });

  it('are counted where they are sent in any case: copies change nothing', () => {
    const [one, mirrored] = [{ mirrored: false }, { mirrored: true }].map((how) =>
      selectService(hostTarget(), how),
    );
    expect(mirrored).toEqual(one);
  });

  it('may have one version in both services', () => {
    const version = { version: 'v1' };
    expect(selectService(hostTarget({ stable: version, canary: version })).kind).toBe('selector');
  });

  it('refuse a subset whose version could end the query', () => {
    const podLabels = { version: 'x"}[1s])) or vector(0) #' };
    expect(selectService(hostTarget({ subset: 'v7', canary: { podLabels } }))).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('is no label value'),
    });
  });
});

describe('hosts of ServiceEntries', () => {
  const named = (name: string) => ({ host: name, service: { name, namespace: 'bank' }, podLabels: null });

  it('are asked for by their whole names, however long, at the callers', () => {
    const long = `${'rates.'.repeat(40)}example.test`;
    const selected = selectService(entryTarget('rates.example.com', long));
    if (selected.kind === 'refused') throw new Error(selected.why);
    const query = requestsByCode(selected, 60);
    expect(query).toContain('destination_service_name="rates.example.com"');
    expect(query).toContain(
      `reporter="source",destination_service_namespace="bank",destination_service_name="${long}"`,
    );
  });

  it('are counted at the callers when subsets of one are told apart by version, too', () => {
    const both = hostTarget({
      subset: 'v',
      stable: named('rates.example.com'),
      canary: named('rates.example.com'),
    });
    expect(selectService(both)).toMatchObject({ split: 'versions', reporter: 'source' });
  });

  it.each([
    ['254 characters', `${'a.'.repeat(125)}test`],
    ['a quote', 'rates".example.com'],
    ['a wildcard', '*.example.com'],
  ])('with %s are refused', (_name, host) => {
    expect(selectService(entryTarget('rates.example.com', host)).kind).toBe('refused');
  });
});

describe('requests that are mirrored', () => {
  it('are left out: counts and latencies are those of the callers, for the same versions', () => {
    const selected = selectService(targetOf('payments'), { mirrored: true });
    if (selected.kind === 'refused') throw new Error(selected.why);
    const queries = [
      requestsByCode(selected, 60),
      p99Latency(selected, 60),
      latencyBuckets(selected, 60),
      newestSample(selected),
      seenLately(selected),
    ];
    for (const query of queries) {
      expect(query).toContain('reporter="source",destination_service_namespace="bank"');
      expect(query).toContain('destination_version');
      expect(query).not.toContain('reporter="destination"');
    }
  });
});

describe('a range', () => {
  it.each([
    [60, '[60s]'],
    [1.5, '[1500ms]'],
    [0.0304, '[30ms]'],
  ])('of %d s is written %s', (seconds, text) => {
    expect(range(seconds)).toBe(text);
  });
});

describe('label values', () => {
  it.each([
    ['a quote', 'x"}[1s])) or vector(0) #'],
    ['a backslash', 'x\\'],
    ['a newline', 'x\ny'],
    ['a brace', 'x}'],
    ['a regular expression', 'x|.*'],
    ['nothing', ''],
    ['64 characters', 'x'.repeat(64)],
  ])('with %s are refused wherever they stand', (_, value) => {
    const target = targetOf('payments');
    const refused = { kind: 'refused', why: expect.stringContaining('is no label value') };
    const served = (service: Partial<Arm['service']>) => ({
      ...target,
      stable: { ...target.stable, service: { ...target.stable.service, ...service } },
    });
    expect(selectService(served({ name: value }))).toEqual(refused);
    expect(selectService(served({ namespace: value }))).toEqual(refused);
    expect(selectService(targetOf('payments', { stable: value, canary: 'v2' }))).toEqual(refused);
    expect(selectService(targetOf('payments', { stable: 'v1', canary: value }))).toEqual(refused);
  });

  it('are escaped as well, so that none can end the string it stands in', () => {
    expect(quoted('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"');
  });
});

it('refuses two arms of one version, whose requests cannot be told apart', () => {
  expect(selectService(targetOf('payments', { stable: 'v2', canary: 'v2' }))).toEqual({
    kind: 'refused',
    why: 'canary and stable both carry the version v2: their requests cannot be told apart',
  });
});
