import { describe, expect, it } from 'vitest';
import { readCommandLine, usage } from '../../src/command-line.ts';

const commands =
  'the commands are serve, doctor, break-glass rollback, traffic preview, judge replay and plan limits';

describe('the command line', () => {
  it.each([
    [[], { kind: 'serve', role: null }],
    [['serve'], { kind: 'serve', role: null }],
    [['--role=worker'], { kind: 'serve', role: 'worker' }],
    [['serve', '--role', 'api'], { kind: 'serve', role: 'api' }],
    [['doctor'], { kind: 'doctor', json: false, target: null }],
    [
      ['doctor', '--json', '--target=bank/payments'],
      { kind: 'doctor', json: true, target: { namespace: 'bank', name: 'payments' } },
    ],
    [['--help'], { kind: 'help' }],
    [['doctor', '-h'], { kind: 'help' }],
  ])('understands %j', (words, expected) => {
    expect(readCommandLine(words)).toEqual(expected);
  });

  it.each([
    [['start'], commands],
    [['serve', 'now'], commands],
    [['constructor'], commands],
    [['--rol=api'], 'there is an option that canaryd does not know'],
    [['doctor', '--role=api'], 'doctor takes no --role'],
    [['--json'], 'serve takes no --json'],
    [['doctor', '--target=payments'], '--target is written NAMESPACE/VIRTUALSERVICE'],
    [['doctor', '--target=../x'], '--target is written NAMESPACE/VIRTUALSERVICE'],
  ])('refuses %j and says why', (words, why) => {
    expect(readCommandLine(words)).toEqual({ kind: 'misused', why });
  });

  it('is described in 80 columns', () => {
    expect(usage.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
});
