// Runs a script of this project and first gets the npm packages if they are missing: what makes `npm run demo` and
// `npm test` work in a fresh clone. Plain JavaScript, because nothing else runs before the packages are there.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
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

function arePackagesThere() {
  const installed = `${root}node_modules/.package-lock.json`;
  return (
    existsSync(installed) &&
    statSync(installed).mtimeMs >= statSync(`${root}package-lock.json`).mtimeMs - 1000
  );
}

async function installPackages() {
  const started = Date.now();
  process.stderr.write('Getting the npm packages (about 30 s on a good line) ...\n');
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
