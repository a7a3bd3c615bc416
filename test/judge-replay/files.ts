import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgeReplay } from '../../src/judge-replay/judge-replay.ts';
import type { JudgeReplayOptions } from '../../src/judge-replay/options.ts';

/** Two texts as files, and how they are called; paths are shown without their folder. */
export type Given = { plan?: string; input?: string; planFile?: string; inputFile?: string };
export type Ran = { code: number; out: string; err: string };

/** Runs the program on files in a folder of their own, which is gone afterwards. */
export async function replayed(
  { plan, input, planFile = 'plan.yaml', inputFile = 'polls.json' }: Given,
  { output = 'json', isTerminal = false }: Partial<JudgeReplayOptions & { isTerminal: boolean }> = {},
): Promise<Ran> {
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-replay-'));
  const paths = { plan: join(folder, planFile), input: join(folder, inputFile) };
  if (plan !== undefined) await writeFile(paths.plan, plan);
  if (input !== undefined) await writeFile(paths.input, input);
  const said = { out: '', err: '' };
  const around = {
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
    isTerminal,
  };
  const code = await judgeReplay({ ...paths, output }, around);
  await rm(folder, { recursive: true });
  return { code, out: said.out, err: said.err.replaceAll(`${folder}/`, '') };
}
