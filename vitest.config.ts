import { defineConfig } from 'vitest/config';

// One group after the other. What works with real servers mostly waits for them: two files at once need less than one
// core, on free ports and folders of their own.
const twoAtOnce = { fileParallelism: true, maxWorkers: 2 };
/**
 * A machine that others use too may starve a server for seconds. In CI such a test gets a second try, which the report
 * names; one that fails twice has failed.
 */
const patient = { testTimeout: 60_000, retry: process.env['CI'] === undefined ? 0 : 1 };
const servers = ['test/contract/**/*.test.ts', 'test/queue/**/*.test.ts', 'test/store/**/*.test.ts'];
const wholes = ['test/e2e/**/*.test.ts'];

/** Thousands of generated cases say nothing more about another Node: CI leaves them out there. */
const generated = [
  'test/**/*.property.test.ts',
  'test/rollout/simulation/**',
  'test/rollout/promises.test.ts',
  'test/traffic/mishaps.test.ts',
];
const leftOut = process.env['WITHOUT_GENERATED'] === '1' ? generated : [];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...servers, ...wholes, ...leftOut, 'test/project/fixtures/**'],
          maxWorkers: '100%',
          // They share nothing but what is pure; loading the sources anew for each file takes longer than the tests.
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'contract', include: servers, ...twoAtOnce, ...patient, sequence: { groupOrder: 2 } },
      },
      {
        extends: true,
        test: { name: 'e2e', include: wholes, ...twoAtOnce, ...patient, sequence: { groupOrder: 3 } },
      },
    ],
  },
});
