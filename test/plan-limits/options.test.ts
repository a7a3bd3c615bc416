import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../src/command-line.ts';

const read = (...words: string[]) => readCommandLine(['plan', 'limits', ...words]);

describe('the options of plan limits', () => {
  it.each([
    [['--rules=rules.yaml'], []],
    [
      ['--rules', 'rules.yaml', '--rule=Errors', '--rule', 'payments/Slow'],
      ['Errors', 'payments/Slow'],
    ],
  ])('are a file and the alerts in it that are meant: %j', (words, wanted) => {
    expect(read(...words)).toEqual({ kind: 'planLimits', options: { rules: 'rules.yaml', wanted } });
  });

  it.each([
    [[], 'name the file with the alert rules: --rules=FILE'],
    [['--rules='], 'name the file with the alert rules: --rules=FILE'],
    [['--rules=x', '--rule='], 'name an alert: --rule=NAME'],
    [['--rules=x', '--json'], 'there is an option that plan limits does not know'],
    [['--rules=x', 'more'], 'the only command of plan here is limits'],
  ])('refuse %j and say why', (words, why) => {
    expect(read(...words)).toEqual({ kind: 'misused', why });
  });

  it('are no others of plan', () => {
    expect(readCommandLine(['plan'])).toMatchObject({ why: 'the only command of plan here is limits' });
    expect(read('--help')).toEqual({ kind: 'help' });
  });
});
