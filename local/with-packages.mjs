// Runs a script of this project and first gets the npm packages if they are missing: what makes `npm run demo` and
// `npm test` work in a fresh clone. Plain JavaScript, because nothing else runs before the packages are there.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [script, ...rest] = process.argv.slice(2);

if (!arePackagesThere()) await installPackages();
const child = spawn(process.execPath, ['--import', 'tsx', script, ...rest], {
  cwd: root,
  stdio: 'inherit',
  // A cache of compiled files in the system's temporary folder would outlive the run.
  env: { ...process.env, TSX_DISABLE_CACHE: '1' },
});
// Ctrl-C reaches the child by itself; this process only waits for its end.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));

/** What was installed, by the lock file's own words: times change with every checkout. */
function arePackagesThere() {
  const installed = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installed)) return false;
  const [wanted, present] = [`${root}package-lock.json`, installed].map(packagesIn);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    return path === '' || optional || present[path]?.version === version;
  });
}

function packagesIn(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

async function installPackages() {
  // npm would empty the folder that the link leads to, and with it somebody else's packages.
  if (lstatSync(`${root}node_modules`, { throwIfNoEntry: false })?.isSymbolicLink()) {
    process.stderr.write(
      'node_modules is a link, and npm ci empties where it leads: take the link away first.\n',
    );
    process.exit(1);
  }
  const started = Date.now();
  process.stderr.write('Getting the npm packages (about a minute) ...\n');
  const npm = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  const code = await new Promise((resolve) => npm.on('exit', resolve));
  if (code !== 0) {
    process.stderr.write('npm could not get the packages: look at its message above, then try again.\n');
    process.exit(1);
  }
  process.stderr.write(`npm packages are there after ${Math.round((Date.now() - started) / 1000)} s.\n`);
}
