import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';

/** What vitest's JSON reporter writes, as far as it is read here. */
const Report = z.looseObject({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.looseObject({
          status: z.string(),
          fullName: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});
type Report = z.infer<typeof Report>;
type FileResult = Report['testResults'][number];

export type TestRun = { passed: number; failed: number; skipped: number; failures: string[] };

/**
 * Reads vitest's JSON report.
 *
 * @param text the report; null when none was written
 * @param root the folder that file names are told from
 * @returns the totals, and a line for each failure: file, test and the first line of why
 */
export function readReport(text: string | null, root: string): TestRun {
  if (text === null) return { passed: 0, failed: 0, skipped: 0, failures: [] };
  const report = Report.parse(JSON.parse(text));
  // A file that cannot even be loaded has no tests that could fail.
  const broken = report.testResults.filter(isBroken);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
    failures: report.testResults.flatMap((file) => failuresOf(file, relative(root, file.name))),
  };
}

function isBroken({ status, assertionResults }: FileResult): boolean {
  return status === 'failed' && assertionResults.every((result) => result.status !== 'failed');
}

function failuresOf(file: FileResult, name: string): string[] {
  if (isBroken(file)) return [`${name}: ${firstLine(file.message)}`];
  return file.assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `${name} > ${fullName}: ${firstLine(failureMessages?.[0])}`);
}

function firstLine(message = ''): string {
  const line = stripVTControlCharacters(message).trim().split('\n')[0] ?? '';
  return line === '' ? 'no reason was given' : line.slice(0, 300);
}
