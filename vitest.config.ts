import { defineConfig } from 'vitest/config';

// One group after the other: what measures time against real servers has the machine to itself.
const alone = { fileParallelism: false, maxWorkers: 1 };
const servers = ['test/contract/**/*.test.ts', 'test/queue/**/*.test.ts', 'test/store/**/*.test.ts'];
const wholes = ['test/e2e/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...servers, ...wholes, 'test/project/fixtures/**'],
          maxWorkers: '100%',
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'contract', include: servers, ...alone, sequence: { groupOrder: 2 } },
      },
      {
        extends: true,
        test: { name: 'e2e', include: wholes, ...alone, sequence: { groupOrder: 3 } },
      },
    ],
  },
});
