import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

export const root = fileURLToPath(new URL('../..', import.meta.url));
const cruiser = `${root}node_modules/dependency-cruiser/bin/dependency-cruise.mjs`;

const Cruise = z.looseObject({
  modules: z.array(z.looseObject({ source: z.string() })),
  summary: z.looseObject({
    violations: z.array(
      z.looseObject({ from: z.string(), to: z.string(), rule: z.looseObject({ name: z.string() }) }),
    ),
    ruleSetUsed: z.looseObject({
      forbidden: z.array(
        z.looseObject({ name: z.string(), from: z.looseObject({ path: z.string().optional() }) }),
      ),
    }),
  }),
});
export type Cruise = z.infer<typeof Cruise>;

/** What dependency-cruiser, with the rules of this project, says about the folder `src` of `folder`. */
export async function cruise(folder: string): Promise<Cruise> {
  const config = `${root}.dependency-cruiser.cjs`;
  const { stdout } = await run(
    process.execPath,
    [cruiser, 'src', '--config', config, '--output-type', 'json'],
    { cwd: folder, maxBuffer: 64 * 1024 * 1024, timeout: 60_000 },
  );
  return Cruise.parse(JSON.parse(stdout));
}

/** The files the rules call pure, as a pattern over paths. */
export function purePattern({ summary }: Cruise): RegExp {
  const path = summary.ruleSetUsed.forbidden.find(({ name }) => name === 'pure-files-stay-pure')?.from.path;
  if (path === undefined) throw new Error('no rule says which files are pure');
  return new RegExp(path);
}
