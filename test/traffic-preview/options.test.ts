import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../src/command-line.ts';

const files = ['--virtual-service', 'vs.yaml', '--target=target.yaml'];
const read = (...words: string[]) => readCommandLine(['traffic', 'preview', ...words]);

describe('the options of traffic preview', () => {
  it('are two files and a weight; the rest has a default', () => {
    expect(read(...files, '--weight', '0.25')).toEqual({
      kind: 'trafficPreview',
      options: {
        virtualService: 'vs.yaml',
        target: 'target.yaml',
        weight: 0.25,
        output: 'yaml',
        clusterDomain: 'cluster.local',
      },
    });
  });

  it.each([
    [['-o', 'patch'], { output: 'patch' }],
    [['--output=json'], { output: 'json' }],
    [['--cluster-domain=bank.example'], { clusterDomain: 'bank.example' }],
  ])('take %j', (more, options) => {
    expect(read(...files, '--weight=0', ...more)).toMatchObject({ options: { weight: 0, ...options } });
  });

  it.each(['0', '100', '99.99', '0.01', '5.00'])('take a weight of %s', (weight) => {
    expect(read(...files, `--weight=${weight}`)).toMatchObject({ options: { weight: Number(weight) } });
  });

  it.each([
    '101',
    '100.01',
    '0.005',
    '-1',
    '5%',
    '1e1',
    '',
    ' 5',
    'Infinity',
    '0x10',
  ])('refuse a weight of "%s"', (weight) => {
    const why = '--weight is 0 to 100 in steps of 0.01, such as 5 or 0.25';
    expect(read(...files, `--weight=${weight}`)).toEqual({ kind: 'misused', why });
  });

  it.each([
    [['--target=t'], 'name the file with the object: --virtual-service=FILE'],
    [['--virtual-service=v'], 'name the file with the target: --target=FILE'],
    [['--virtual-service=-', '--target=-', '--weight=5'], 'only one of the two files can be -'],
    [files, '--weight is 0 to 100 in steps of 0.01, such as 5 or 0.25'],
    [[...files, '--weight=5', '-o', 'xml'], '-o is yaml, patch or json'],
    [
      [...files, '--weight=5', '--cluster-domain=a b'],
      '--cluster-domain is a DNS domain, such as cluster.local',
    ],
    [[...files, '--weight=5', '--wait'], 'there is an option that traffic preview does not know'],
    [[...files, 'more'], 'the only command of traffic is preview'],
  ])('refuse %j and say why', (words, why) => {
    expect(read(...words)).toEqual({ kind: 'misused', why });
  });

  it('refuse another command of traffic', () => {
    expect(readCommandLine(['traffic', 'move'])).toMatchObject({ kind: 'misused' });
  });
});
