import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { planLimits } from '../../src/plan-limits/plan-limits.ts';
import { Plan } from '../../src/rollout/plan.ts';

const labels = (codes = '') => `{reporter="destination",destination_service_name="payment"${codes}}[90s]`;
const ratio = `sum(rate(istio_requests_total${labels(',response_code=~"5.."')})) / sum(rate(istio_requests_total${labels()}))`;
const quantile = (level: number) =>
  `histogram_quantile(${level}, sum by (le) (rate(istio_request_duration_milliseconds_bucket${labels()})))`;
const alert = (name: string, expr: string, severity = 'critical') => ({
  alert: name,
  expr,
  labels: { severity },
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'canaryd-limits-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the command prints of rules in a group called payments, or of a text. */
async function run(rules: unknown[] | string, ...wanted: string[]) {
  const file = join(folder, 'rules.yaml');
  const text = typeof rules === 'string' ? rules : JSON.stringify({ groups: [{ name: 'payments', rules }] });
  await writeFile(file, text);
  const said = { out: '', err: '' };
  const around = {
    out: (more: string) => {
      said.out += more;
    },
    err: (more: string) => {
      said.err += more.replaceAll(/\n {2}/g, ' ').replaceAll(`${folder}/`, '');
    },
  };
  const code = await planLimits({ rules: file, wanted }, around);
  return { code, ...said };
}

describe('plan limits', () => {
  it('prints checks that a plan takes as they are', async () => {
    const rules = [alert('Errors', `${ratio} > 0.01`), alert('Slow', `${quantile(0.99)} > 2000`)];
    const { code, out, err } = await run(rules);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const plan = Plan.parse({ ...parse(out), steps: [{ type: 'promote', bake: '5m' }] });
    expect(plan.checks).toEqual({
      Errors: { metric: 'errorRate', max: 0.01, window: 90, failures: 2, minRequests: 100 },
      Slow: { metric: 'p99LatencyMs', max: 2000, window: 90, failures: 2, minRequests: 100 },
    });
  });

  it('gives every check a name that a plan takes, and none twice', async () => {
    const names = [
      'Two words',
      'Two  words',
      '{{}}',
      '__proto__',
      'constructor',
      'A'.repeat(80),
      'A'.repeat(90),
      'x\ny: z',
    ];
    const { code, out } = await run(names.map((name) => alert(name, `${ratio} > 0.01`)));
    expect(code).toBe(0);
    const plan = Plan.parse({ ...parse(out), steps: [{ type: 'promote', bake: '5m' }] });
    const long = 'A'.repeat(36);
    expect(Object.keys(plan.checks)).toEqual([
      'Two-words',
      'Two-words-2',
      'limit',
      'proto__',
      'limit-2',
      long,
      `${long}-2`,
      'x-y-z',
    ]);
  });

  it('writes the severity of a warning to its check, which pauses', async () => {
    const { code, out } = await run([alert('Warned', `${ratio} > 0.01`, 'warning')]);
    expect([code, out]).toEqual([0, expect.stringContaining('# payments/Warned (warning')]);
    const plan = Plan.parse({ ...parse(out), steps: [{ type: 'promote', bake: '5m' }] });
    expect(plan.checks['Warned']).toMatchObject({ severity: 'warning', max: 0.01 });
  });

  it('says of each other rule why it is no check, and ends with 2', async () => {
    const { code, out, err } = await run([
      alert('P95', `${quantile(0.95)} > 800`),
      alert('Pages', `${ratio} > 0.01`, 'page'),
      alert('Long', `${ratio.replaceAll('90s', '8d')} > 0.01`),
      { record: 'recorded', expr: 'a' },
    ]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^canaryd: no check of payments\/P95: it limits the 0\.95 quantile/),
      expect.stringMatching(/^canaryd: no check of payments\/Pages: severity is "page": write/),
      expect.stringMatching(/^canaryd: no check of payments\/Long: .*at most 7d/),
      '',
    ]);
  });

  it.each(['Errors', 'payments/Errors'])('looks at %s alone where that is asked for', async (name) => {
    const rules = [alert('Errors', `${ratio} > 0.01`), alert('Other', 'up == 0')];
    const { code, out } = await run(rules, name);
    expect([code, out]).toEqual([0, expect.stringContaining('Errors: {')]);
  });

  it.each([
    [[alert('Errors', 'a')], ['None'], 2, 'rules.yaml has no alert rule None: it has payments/Errors'],
    [[], [], 6, 'rules.yaml has no alert rule in it'],
    ['', [], 6, 'rules.yaml: is empty'],
    ['a: [', [], 6, 'rules.yaml: is not taken as YAML: line 1'],
    ['kind: Plan', [], 6, 'rules.yaml: is neither a rule file'],
    [
      'groups: [{ name: a, rules: [{ alert: B }] }]',
      [],
      6,
      'rules.yaml: group "a", rule 1 (B): expr: has no expr',
    ],
  ])('says what is wrong with %j and %j', async (rules, wanted, code, why) => {
    expect(await run(rules, ...wanted)).toEqual({ code, out: '', err: expect.stringContaining(why) });
  });

  it('ends with 2 where there is no such file', async () => {
    const said: string[] = [];
    const around = { out: () => undefined, err: (text: string) => void said.push(text) };
    expect(await planLimits({ rules: join(folder, 'none'), wanted: [] }, around)).toBe(2);
    expect(said.join('')).toMatch(/cannot be\s+read: ENOENT/);
  });
});
