import { describe, expect, it } from 'vitest';
import { type AlertRule, type RuleLimit, recogniseRule } from '../../src/alert-rules/recognise.ts';

const of =
  'reporter="destination",destination_service_name="payment",destination_service_namespace="payments"';
const total = `sum(rate(istio_requests_total{${of}}[5m]))`;
const bad = `sum(rate(istio_requests_total{${of},response_code=~"5.*"}[5m]))`;
const good = `sum(rate(istio_requests_total{${of},response_code!~"5.*"}[5m]))`;
const buckets = `rate(istio_request_duration_milliseconds_bucket{${of}}[5m])`;

const rule = (expr: string, more: Partial<AlertRule> = {}): AlertRule => ({
  alert: 'Rule',
  expr,
  for: '5m',
  labels: { severity: 'critical' },
  ...more,
});
const read = (expr: string) => recogniseRule(rule(expr));
const why = (expr: string, more: Partial<AlertRule> = {}) => {
  const found = recogniseRule(rule(expr, more));
  return found.kind === 'refused' ? found.why : found.limit;
};

/** What each row is called: its expression without the labels that all of them have. */
function titled<Row extends readonly unknown[]>(rows: readonly (readonly [string, ...Row])[]) {
  const title = (expr: string) => {
    const short = expr.replaceAll(of, '...').replaceAll('istio_request', 'i_r').replaceAll(/\s+/g, ' ');
    return short.length > 200 ? `${short.slice(0, 20)}... (${short.length} characters)` : short;
  };
  return rows.map((row) => [title(row[0]), ...row] as const);
}

describe('the two usual rules', () => {
  it('are a limit on the ratio of 5xx, with window, duration and what it does', () => {
    expect(read(`${bad} / ${total} > 0.01`)).toEqual({
      kind: 'limit',
      limit: { metric: 'errorRate', max: 0.01 },
      windowSeconds: 300,
      forSeconds: 300,
      severity: 'critical',
      subject: {
        reporter: 'destination',
        served: [
          { label: 'destination_service_name', operator: '=', value: 'payment' },
          { label: 'destination_service_namespace', operator: '=', value: 'payments' },
        ],
        by: [],
      },
      notes: [],
    });
  });

  it('are a limit on the P99 in milliseconds', () => {
    const found = recogniseRule(
      rule(`histogram_quantile(0.99, sum(${buckets}) by (le)) > 2000`, {
        for: '1h30m',
        labels: { severity: 'warning', team: 'payments' },
      }),
    );
    expect(found).toMatchObject({
      limit: { metric: 'p99LatencyMs', max: 2000 },
      windowSeconds: 300,
      forSeconds: 5400,
      severity: 'warning',
      subject: { reporter: 'destination', by: [] },
    });
  });
});

describe('a limit of 1 % of 5xx is recognised', () => {
  const spellings = [
    `${bad}/${total}>0.01`,
    `(${bad} / ${total}) > 1 / 100`,
    `${bad} / ${total} * 100 > 1`,
    `100 * ${bad} / ${total} > 1`,
    `100 * (${bad} / ${total}) > 1.0`,
    `0.01 < ${bad} / ${total}`,
    `1e-2 < ${bad} / ${total}`,
    `(${bad} or vector(0)) / ${total} > 0.01`,
    `((${bad} or on () vector(0)) / ${total}) > 0.01`,
    `((${bad} / ${total}) or vector(0)) > 0.01`,
    `1 - ${good} / ${total} > 0.01`,
    `(1 - (${good} / ${total})) * 100 > 1`,
    `${good} / ${total} < 0.99`,
    `${good} / ${total} * 100 < 99`,
    `100 - ${good} * 100 / ${total} > 1`,
    `-(${good} / ${total}) > -0.99`,
    `(${total} - ${good}) / ${total} > 0.01`,
    `(${total} - ${bad}) / ${total} < 0.99`,
    `${bad} / (${bad} + ${good}) > 0.01`,
    `SUM(rate(istio_requests_total{${of},response_code=~'5..',}[5m])) # comment\n / ${total} > 0.01`,
    `${bad} / on () ${total} > 0.01`,
    `${bad} / ${total.replace('istio_requests_total{', 'istio_requests_total{response_code=~".+",')} > 0.01`,
    `${bad.replaceAll('rate(', 'increase(')} / ${total.replaceAll('rate(', 'increase(')} > 0.01`,
    `${bad.replace('5m', '300s')} / ${total.replace('5m', '300')} > 0.01`,
  ];
  it.each(titled(spellings.map((expr) => [expr] as const)))('as %s', (_, expr) => {
    const limit = { metric: 'errorRate', max: 0.01 };
    expect(read(expr)).toMatchObject({ limit, windowSeconds: 300, notes: [] });
  });

  it.each([
    '5..',
    '5.*',
    '5.+',
    '^5..$',
    '(5..)',
    '5[0-9]{2}',
    '5[0-9][0-9]',
    '5[0-9]+',
    '5\\\\d\\\\d',
    '5\\\\d{2}',
    '5.{2}',
  ])('with the codes %s', (codes) => {
    expect(why(`${bad.replace('5.*', codes)} / ${total} > 0.01`)).toEqual({ metric: 'errorRate', max: 0.01 });
  });

  it.each([
    ['by (destination_service_name)', 'by (destination_service_name)'],
    [
      'by (destination_service_namespace, destination_service_name)',
      'by(destination_service_name,destination_service_namespace)',
    ],
    ['by (destination_workload, destination_version)', 'by (destination_version, destination_workload)'],
  ])('where both sides are summed %s', (one, other) => {
    const found = read(`${bad} ${one} / ${total} ${other} > 0.01`);
    expect(found).toMatchObject({ limit: { metric: 'errorRate', max: 0.01 }, notes: [] });
    const before = `${bad.replace('sum', `sum ${one}`)} / ${total.replace('sum', `sum ${other}`)} > 0.01`;
    expect(read(before)).toEqual(found);
  });
});

describe('a quantile of the latency is recognised', () => {
  it.each(
    titled<[RuleLimit]>([
      [`histogram_quantile(0.99, sum by (le) (${buckets})) > 2000`, { metric: 'p99LatencyMs', max: 2000 }],
      [
        `histogram_quantile(.99, (sum by (destination_service_name, le) (${buckets}))) > 2e3`,
        { metric: 'p99LatencyMs', max: 2000 },
      ],
      [`histogram_quantile(0.99, sum(${buckets}) by (le)) / 1000 > 2`, { metric: 'p99LatencyMs', max: 2000 }],
      [
        `2000 < histogram_quantile(99 / 100, sum(${buckets.replace('rate', 'increase')}) by (le))`,
        { metric: 'p99LatencyMs', max: 2000 },
      ],
      [
        `histogram_quantile(0.95, sum(${buckets}) by (le)) > 800`,
        { metric: 'latency', quantile: 0.95, maxMs: 800 },
      ],
      [
        `histogram_quantile(0.5, sum(${buckets}) by (le)) > 250`,
        { metric: 'latency', quantile: 0.5, maxMs: 250 },
      ],
    ]),
  )('%s', (_, expr, limit) => {
    expect(why(expr)).toEqual(limit);
  });
});

describe('a recognised rule says in what canaryd judges otherwise', () => {
  const all = (codes: string) => `sum(rate(istio_requests_total${codes}[5m]))`;
  it.each(
    titled<[RegExp[]]>([
      [
        `${all('{response_code=~"5.."}')} / ${all('')} > 0.05`,
        [/names no service and looks at all requests together/, /names no reporter/],
      ],
      [
        `${all('{reporter="source",response_code=~"5.."}')} by (destination_service) / ${all('{reporter="source"}')} by (destination_service) * 100 > 5`,
        [/names no service and looks at each destination_service on its own/],
      ],
      [`${bad} / ${total} >= 0.05`, [/fires at just the limit/]],
      [
        `${bad.replace('rate', 'irate')} / ${total.replace('rate', 'irate')} > 0.05`,
        [/irate looks at the last two samples/],
      ],
    ]),
  )('%s', (_, expr, notes) => {
    const found = read(expr);
    expect(found).toMatchObject({ limit: { metric: 'errorRate', max: 0.05 } });
    expect(found).toMatchObject({ notes: notes.map((note) => expect.stringMatching(note)) });
  });
});

describe('a rule is refused with the reason', () => {
  it.each(
    titled<[RegExp]>([
      // Other requests on the two sides.
      [
        `${bad} / ${total.replace('5m', '1m')} > 0.01`,
        /do not count the same requests: \[300s\] and \[60s\]/,
      ],
      [`${bad} / ${total.replace('rate', 'increase')} > 0.01`, /same requests: rate and increase/],
      [
        `${bad} / ${total.replace('="payment"', '="other"')} > 0.01`,
        /destination_service_name="payment" stands on one side only/,
      ],
      [
        `${bad.replace('destination"', 'source"')} / ${total} > 0.01`,
        /reporter source stands on one side only/,
      ],
      [
        `${bad} by (destination_service_name) / ${total} > 0.01`,
        /by \(destination_service_name\) and by \(\)/,
      ],
      [`${bad} / ${good} > 0.01`, /below the line canaryd reads all requests/],
      [`${bad} / ignoring (response_code) ${total} > 0.01`, /matches other series than by does/],
      [`${bad} / on (x) group_left () ${total} > 0.01`, /series are joined \(at offset \d+: group_left\)/],
      // Other responses.
      [`${bad.replace('5.*', '4..|5..')} / ${total} > 0.01`, /"4\.\.\|5\.\." selects other responses/],
      [
        `${bad.replace('=~"5.*"', '="500"')} / ${total} > 0.01`,
        /response_code="500" selects other responses/,
      ],
      [`${bad.replace('5.*', '50.')} / ${total} > 0.01`, /selects other responses/],
      [`${bad.replace('5.*', '5.')} / ${total} > 0.01`, /selects other responses/],
      [`${good.replace('!~"5.*"', '=~"2.."')} / ${total} < 0.99`, /selects other responses/],
      [`${bad.replace('5.*', '5\\d\\d')} / ${total} > 0.01`, /the escape \\d is not read/],
      [
        `${bad.replace('{', '{response_code!="503",')} / ${total} > 0.01`,
        /response_code!="503" selects other responses/,
      ],
      [
        `${bad.replace('{', '{response_code!~"5..",')} / ${total} > 0.01`,
        /and another response_code select nothing together/,
      ],
      [
        `${bad.replace('{', '{reporter="source",')} / ${total} > 0.01`,
        /and another reporter select nothing together/,
      ],
      // Labels that canaryd does not judge by.
      [
        `${bad.replace('{', '{request_protocol="http",')} / ${total} > 0.01`,
        /request_protocol="http" of istio_requests_total: canaryd does not judge by this label/,
      ],
      [`${bad.replace('{', '{source_workload!="unknown",')} / ${total} > 0.01`, /it looks at one caller/],
      [`${bad.replace('{', '{grpc_response_status="14",')} / ${total} > 0.01`, /a gRPC status is none/],
      [`${bad.replace('{', '{job="mesh",')} / ${total} > 0.01`, /job="mesh".*leave it out/],
      [
        `sum(rate(istio_requests_total{namespace="a",response_code=~"5.."}[5m])) / sum(rate(istio_requests_total{namespace="a"}[5m])) > 0.01`,
        /namespace of istio_requests_total is that of whoever counted/,
      ],
      [
        `${bad.replace('"destination"', '"waypoint"')} / ${total} > 0.01`,
        /knows the reporters destination and source/,
      ],
      [
        `${bad} by (source_workload) / ${total} by (source_workload) > 0.01`,
        /by \(source_workload\) splits the requests of one service/,
      ],
      [`${bad} without (pod) / ${total} without (pod) > 0.01`, /write by instead of without/],
      // Other measures.
      [`${total} < 10`, /it limits how many requests there are/],
      [`${bad} > 5`, /divide them by all requests/],
      [
        `sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.01`,
        /http_requests_total is not judged: canaryd counts istio_requests_total/,
      ],
      [`mesh:errors:ratio5m > 0.01`, /mesh:errors:ratio5m stands alone/],
      [`sum(rate(mesh:errors[5m])) / ${total} > 0.01`, /recorded by another rule/],
      [
        `rate(istio_requests_total{response_code=~"5.."}[5m]) / rate(istio_requests_total[5m]) > 0.01`,
        /rate is not summed up: write sum\(rate\(\.\.\.\)\) around it \(at offset 0: rate\)/,
      ],
      [`avg(rate(istio_requests_total[5m])) > 1`, /avg is not read.*\(at offset 0: avg\)/],
      [`sum(istio_requests_total) > 1`, /inside the sum canaryd reads rate/],
      [`sum(rate(istio_requests_total)) > 1`, /no range such as \[5m\]/],
      [`absent(istio_requests_total)`, /it compares nothing with a number/],
      [`deriv(istio_requests_total[5m]) > 1`, /the function deriv is not read/],
      [`histogram_quantile(0.99, sum(${buckets})) > 2000`, /sum needs by \(le\)/],
      [
        `histogram_quantile(0.99, sum(${buckets}) by (destination_workload)) > 2000`,
        /needs le among its labels/,
      ],
      [`histogram_quantile(0.99, ${buckets}) > 2000`, /write histogram_quantile\(0\.99, sum by \(le\)/],
      [`histogram_quantile(99, sum(${buckets}) by (le)) > 2000`, /a quantile lies between 0 and 1/],
      [
        `histogram_quantile(0.99, sum(rate(istio_request_duration_seconds_bucket[5m])) by (le)) > 2`,
        /Istio counts milliseconds since 1\.5/,
      ],
      [
        `histogram_quantile(0.99, sum(rate(istio_request_bytes_bucket[5m])) by (le)) > 2`,
        /istio_request_bytes_bucket: it is not judged/,
      ],
      [
        `histogram_quantile(0.99, sum(${buckets.replace('{', '{response_code="200",')}) by (le)) > 2`,
        /response_code="200" selects other responses/,
      ],
      [
        `histogram_quantile(0.99, sum(${buckets.replace('{', '{response_code!~"5..",')}) by (le)) > 2`,
        /how long all responses take, whatever their code/,
      ],
      [
        `sum(rate(istio_request_duration_milliseconds_sum[5m])) / sum(rate(istio_request_duration_milliseconds_count[5m])) > 2000`,
        /istio_request_duration_milliseconds_sum is not judged/,
      ],
      // Several conditions.
      [`${bad} / ${total} > 0.01 and ${total} > 1`, /and joins two conditions, and a limit has one/],
      [`${bad} / ${total} > 0.01 or ${bad} / ${total} > 0.02`, /or joins two conditions/],
      [`${bad} / ${total} or vector(0) > 0.01`, /`or` binds more weakly than the comparison/],
      [`(${bad} / ${total} and ${total}) > 0.01`, /and adds a second condition.*minRequests/],
      [`(${bad} / ${total} > 0.01) * 100`, /it compares nothing with a number/],
      [`(${bad} / ${total} > 0.01) > 0`, /a comparison stands inside another one/],
      [`${bad} / ${total} > 2 * ${bad} / ${total}`, /a limit is a measure above \(or below\) a number/],
      // Limits that cannot be meant.
      [`${bad} / ${total} > 1`, /it never fires: no ratio is above 1; for a percentage write \* 100/],
      [`${bad} / ${total} > -1`, /it fires always/],
      [`${bad} / ${total} >= 0`, /it fires always/],
      [`${bad} / ${total} < 0.01`, /it fires where the canary does well/],
      [`${good} / ${total} > 0.99`, /it fires where the canary does well/],
      [`${bad} / ${total} == 0.01`, /write >, >=, < or <=/],
      [`${bad} / ${total} > bool 0.01`, /with bool has a value always/],
      [`${total} / ${total} > 0.5`, /it is the same whatever the requests are/],
      [`((${good} / ${total}) or vector(0)) < 0.99`, /it fires where there are no requests at all/],
      [`1 - (${good} / ${total} or vector(0)) > 0.01`, /it fires where there are no requests at all/],
      [`${bad} / ${total}`, /it compares nothing with a number/],
      [`vector(1)`, /it compares nothing/],
      ['1 > 0', /it compares numbers, and no series/],
      [`${bad} / ${total} > 1e999 - 1e999`, /no finite limit/],
      [`${bad} / ${total} > Inf`, /this is no finite number \(at offset \d+: Inf\)/],
      [`histogram_quantile(0.99, sum(${buckets}) by (le)) > 0`, /lies above 0 and below 3600000 ms/],
      [`histogram_quantile(0.99, sum(${buckets}) by (le)) > 4e6`, /not at 4000000 ms/],
      // What is not read at all.
      [`${bad} / ${total} offset 1d > 0.01`, /should end here|an offset looks/],
      [
        `sum(rate(istio_requests_total[5m] offset 1d)) > 1`,
        /an offset looks at another time \(at offset 34: offset\)/,
      ],
      [`sum(rate(istio_requests_total[5m] @ end())) > 1`, /@ looks at another time/],
      [`sum(rate(istio_requests_total[5m:1m])) > 1`, /this is a subquery \(at offset 32: :1m\)/],
      [
        `sum(rate({__name__="istio_requests_total"}[5m])) > 1`,
        /write the name of the series before the braces/,
      ],
      [`${bad} / ${total} > 0.01 extra`, /the expression should end here \(at offset \d+: extra\)/],
      [`${bad} / ${total} >`, /the expression ends too early \(at its end, offset \d+\)/],
      [`sum(rate(istio_requests_total[5m])`, /\) should stand here \(at its end/],
      [`sum(rate(istio_requests_total{a="x}[5m]))`, /this is no PromQL \(at offset 32: "x\}\[5m\]\)\)\)/],
      ['', /the expression ends too early/],
      [`${bad} / ${total} > {{ $threshold }}`, /its expression is a template/],
      [`${bad} / ${total} > 5m`, /a duration stands where a value should/],
      [`sum(rate(istio_requests_total[5m1h])) > 1`, /this is no duration/],
      [`${'('.repeat(200)}1`, /nested more than 100 deep/],
      [`${'1 + '.repeat(600)}1 > 0`, /more than 1000 parts/],
      [`${' '.repeat(10_001)}1`, /has 10002 characters, and 10000 are read/],
    ]),
  )('%s', (_, expr, reason) => {
    expect(why(expr)).toEqual(expect.stringMatching(reason));
  });

  const expr = `${bad} / ${total} > 0.01`;
  it.each([
    [
      { labels: undefined },
      /it has no label severity: write "severity: critical" to roll back or "severity: warning" to pause/,
    ],
    [{ labels: { severity: 'page' } }, /severity is "page": write "severity: critical"/],
    [{ labels: { severity: 'Critical' } }, /severity is "Critical"/],
    [{ for: '5 minutes' }, /for: is no duration such as 5m/],
    [{ for: '300' }, /for: is no duration/],
  ])('with %j', (more, reason) => {
    expect(why(expr, more)).toEqual(expect.stringMatching(reason));
  });

  it.each([
    [undefined, 0],
    ['0', 0],
    ['0s', 0],
    ['90s', 90],
    ['1d2h', 93_600],
    ['500ms', 0.5],
  ])('but not with for: %s', (held, seconds) => {
    expect(recogniseRule(rule(expr, { for: held }))).toMatchObject({ kind: 'limit', forSeconds: seconds });
  });
});
