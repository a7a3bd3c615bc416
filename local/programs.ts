import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');
const built = new Map<string, Promise<string>>();

/**
 * Builds a program of this project into one file, packages aside, and returns its path: Node starts that in a third of
 * the time that it takes to compile and load hundreds of sources, which counts where a test starts dozens.
 * @param entry path of the program from the root, such as `src/main.ts`
 */
export function programAt(entry: string): Promise<string> {
  const known = built.get(entry);
  if (known !== undefined) return known;
  const building = buildProgram(entry);
  built.set(entry, building);
  return building;
}

async function buildProgram(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    // The command line starts the server's program that stands beside it.
    entryPoints: entry.startsWith('src/') ? [...new Set([entry, 'src/main.ts'])] : [entry],
    outbase: root,
    outdir: root,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    write: false,
    logLevel: 'error',
    plugins: [fromTheirSource],
  });
  const hash = createHash('sha256');
  for (const { path, contents } of outputFiles) hash.update(path).update(contents);
  const folder = join(root, '.cache', 'programs', hash.digest('hex').slice(0, 16));
  if (!existsSync(folder)) {
    const draft = `${folder}.${process.pid}`;
    for (const { path, contents } of outputFiles) {
      const file = join(draft, relative(root, path));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, contents);
    }
    // Whoever built the same at the same time has the same.
    await rename(draft, folder).catch(() => rm(draft, { recursive: true }));
  }
  return join(folder, entry.replace(/\.ts$/, '.js'));
}

/** What a source finds from where it stands, such as the migrations, it finds from there when it is built, too. */
const fromTheirSource: Plugin = {
  name: 'from-their-source',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const url = JSON.stringify(pathToFileURL(path).href);
      const contents = text
        .replace(/new URL\(('[^']*'), import\.meta\.url\)/g, `new URL($1, ${url})`)
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)));
      return { contents, loader: 'ts' };
    });
  },
};
