import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recogniseRule } from '../../src/alert-rules/recognise.ts';
import { WrittenPlan } from '../../src/rollout/plan.ts';
import { type CliWorld, openCli } from './cli.ts';

const guide = await readFile(
  new URL('../../docs/guides/limits-from-alert-rules.md', import.meta.url),
  'utf8',
);
const blocksOf = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block = '']) => block,
  );
const [rules = ''] = blocksOf('yaml');
const [command = ''] = blocksOf('sh');
const [checks = '', refusals = ''] = blocksOf('text');

let world: CliWorld;
beforeAll(async () => {
  world = await openCli();
  await world.write('rules.yaml', rules);
});
afterAll(() => world.close());

describe('the guide to limits from alert rules', () => {
  it('shows what the command on it really prints', async () => {
    const { code, out, err } = await world.run(command.trim().split(' ').slice(1));
    expect({ code, out, err }).toEqual({ code: 2, out: checks, err: refusals });
  });

  it('has a plan that names rules, as it may be written', () => {
    const [plan = ''] = blocksOf('json');
    const { checks: named } = WrittenPlan.parse(JSON.parse(plan));
    expect(Object.keys(named)).toEqual(['errors', 'p99']);
  });

  it('has shapes that are recognised, and others that are refused', () => {
    const shapes = blocksOf('promql').map((block) => block.split('\n').filter((line) => line !== ''));
    const [taken = [], refused = []] = shapes.map((lines) =>
      lines.map(
        (expr) => recogniseRule({ alert: 'Rule', expr: whole(expr), labels: { severity: 'critical' } }).kind,
      ),
    );
    expect(taken).toEqual(taken.map(() => 'limit'));
    expect(refused).toEqual(refused.map(() => 'refused'));
    expect([taken.length, refused.length]).toEqual([8, 6]);
  });
});

/** The page writes ERRORS, GOOD, ALL and BUCKETS for sums that are the same in all shapes. */
function whole(shape: string): string {
  const sum = (codes: string) => `sum(rate(istio_requests_total{reporter="destination"${codes}}[5m]))`;
  return shape
    .replaceAll('ERRORS', sum(',response_code=~"5.."'))
    .replaceAll('GOOD', sum(',response_code!~"5.."'))
    .replaceAll('ALL', sum(''))
    .replaceAll('BUCKETS', 'rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[5m])');
}

describe('canaryd plan limits', () => {
  it('has help in 80 columns, with its exit codes', async () => {
    const { code, out } = await world.run(['plan', 'limits', '--help']);
    expect([code, out.split('\n').filter((line) => line.length > 80)]).toEqual([0, []]);
    expect(out).toMatch(/^Usage: canaryd plan limits --rules=FILE \[--rule=NAME\]\.\.\.\n/);
    expect(out).not.toContain('CANARYD_URL');
  });
});
