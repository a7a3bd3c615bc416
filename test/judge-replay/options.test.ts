import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../src/command-line.ts';

const files = ['--plan', 'plan.yaml', '--input=polls.json'];
const read = (...words: string[]) => readCommandLine(['judge', 'replay', ...words]);

describe('the options of judge replay', () => {
  it.each([
    [[], null],
    [['--json'], 'json'],
    [['--table'], 'table'],
  ])('are two files and %j', (more, output) => {
    const options = { plan: 'plan.yaml', input: 'polls.json', output };
    expect(read(...files, ...more)).toEqual({ kind: 'judgeReplay', options });
  });

  it.each([
    [['--input=x'], 'name the file with the plan: --plan=FILE'],
    [['--plan=x'], 'name the file with the recorded polls: --input=FILE'],
    [['--plan=', '--input=x'], 'name the file with the plan: --plan=FILE'],
    [[...files, '--json', '--table'], 'take --json or --table, not both'],
    [[...files, '--seed=1'], 'there is an option that judge replay does not know'],
    [[...files, 'more'], 'the only command of judge is replay'],
  ])('refuse %j and say why', (words, why) => {
    expect(read(...words)).toEqual({ kind: 'misused', why });
  });

  it('are no others of judge', () => {
    expect(readCommandLine(['judge'])).toMatchObject({ why: 'the only command of judge is replay' });
    expect(readCommandLine(['judge', 'replay', '--help'])).toEqual({ kind: 'help' });
  });
});
