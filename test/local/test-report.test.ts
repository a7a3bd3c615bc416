import { describe, expect, it } from 'vitest';
import { readReport } from '../../local/test-report.ts';

type Test = { status: string; fullName: string; failureMessages?: string[] | null };

function report(files: { status: string; message?: string; tests: Test[] }[]): string {
  const count = (status: string) =>
    files.flatMap(({ tests }) => tests).filter((test) => test.status === status).length;
  return JSON.stringify({
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('pending'),
    numTodoTests: count('todo'),
    testResults: files.map(({ status, message, tests }, place) => ({
      name: `/home/canaryd/test/file-${place}.test.ts`,
      status,
      message,
      assertionResults: tests,
    })),
  });
}

const read = (text: string | null) => readReport(text, '/home/canaryd');

describe('What a run of the tests reports', () => {
  it('counts what passed, what failed and what was left out', () => {
    const text = report([
      {
        status: 'failed',
        tests: [
          { status: 'passed', fullName: 'a' },
          { status: 'failed', fullName: 'b', failureMessages: ['no'] },
          { status: 'pending', fullName: 'c' },
          { status: 'todo', fullName: 'd' },
        ],
      },
    ]);
    expect(read(text)).toMatchObject({ passed: 1, failed: 1, skipped: 2 });
  });

  it('names file, test and the first line of why for each failure, without colours', () => {
    const failureMessages = ['\u001B[31mAssertionError\u001B[39m: expected 5 to be 20\n    at somewhere'];
    const text = report([
      { status: 'passed', tests: [{ status: 'passed', fullName: 'a' }] },
      { status: 'failed', tests: [{ status: 'failed', fullName: 'A rollout goes back', failureMessages }] },
    ]);
    expect(read(text).failures).toEqual([
      'test/file-1.test.ts > A rollout goes back: AssertionError: expected 5 to be 20',
    ]);
  });

  it('counts a file that cannot be loaded as one failure, and says why', () => {
    const text = report([{ status: 'failed', message: 'Cannot find module', tests: [] }]);
    expect(read(text)).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
      failures: ['test/file-0.test.ts: Cannot find module'],
    });
  });

  it('says that no reason was given where there is none', () => {
    const text = report([
      { status: 'failed', tests: [{ status: 'failed', fullName: 'a', failureMessages: null }] },
    ]);
    expect(read(text).failures).toEqual(['test/file-0.test.ts > a: no reason was given']);
  });

  it('has nothing to count where no report was written', () => {
    expect(read(null)).toEqual({ passed: 0, failed: 0, skipped: 0, failures: [] });
  });
});
