import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { accessTo, doctorOf } from '../../demo/access.ts';
import { screen } from '../../demo/screen/screen.ts';
import { stateOf } from './states.ts';

const stack = {
  api: 'http://127.0.0.1:65535',
  token: `canaryd-${'0'.repeat(36)}`,
  kubeconfigPath: '/tmp/canaryd-abcdef/kubeconfig',
  databaseUrl: `postgres://canaryd:${'p'.repeat(12)}@127.0.0.1:65535/postgres`,
  prometheusUrl: 'http://127.0.0.1:65535',
};
const commands = [...accessTo(stack), ...doctorOf(stack)];

describe('the commands for another terminal', () => {
  it('fit 80 columns, even indented', () => {
    expect(commands.filter((command) => command.length > 78)).toEqual([]);
  });

  it('stand whole on a screen of 80 columns and 24 rows, above the keys', () => {
    const lines = screen(stateOf({}, { access: commands }), 80, 24).map((line) => line.trimEnd());
    expect(lines).toEqual(expect.arrayContaining(commands));
    expect(lines.join('\n')).toContain('[q] quit');
  });

  it('give the doctor its tokens in a form that it reads', () => {
    const script = [...commands.slice(0, -1), 'printf %s "$CANARYD_TOKENS"'].join('\n');
    expect(JSON.parse(execFileSync('sh', ['-c', script], { encoding: 'utf8' }))).toEqual([
      { token: stack.token, kind: 'person', name: 'you' },
    ]);
  });
});
