import { execFile } from 'node:child_process';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles the programs that a run starts and answers the folder they lie in: a loader that compiles while it runs
 * would be measured with them. What the compiler thinks of types is not asked here.
 */
export async function buildPrograms(): Promise<string> {
  // Within the repository, because Node looks for packages above a file.
  const folder = join(root, '.cache', 'scale');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const programs = ['worker-program', 'mesh-server', 'prometheus-server'];
  const configuration = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: false, noCheck: true, rootDir: root, outDir: folder },
    files: programs.map((name) => join(root, 'bench', 'scale', `${name}.ts`)),
  };
  const file = join(folder, 'tsconfig.json');
  await writeFile(file, JSON.stringify(configuration));
  await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', file]);
  await cp(join(root, 'migrations'), join(folder, 'migrations'), { recursive: true });
  return join(folder, 'bench', 'scale');
}
