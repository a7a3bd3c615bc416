import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { ensurePrometheus, startPrometheus } from '../../local/prometheus.ts';
import { eventually } from './metrics.ts';

const log = () => undefined;

/** A process that starts Prometheus, prints its address and then waits to be ended. */
const parentCode = `
  const { ensurePrometheus, startPrometheus } = await import('./local/prometheus.ts');
  const log = () => undefined;
  const { binary } = await ensurePrometheus({ log });
  const { url } = await startPrometheus({ binary, sources: { scrapeUrls: [] }, scrapeSeconds: 1, log });
  process.stdout.write(url);
  setInterval(() => undefined, 60_000);
`;

async function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2000) }).then(
    (answer) => answer.ok,
    () => false,
  );
}

describe('a Prometheus that canaryd starts', () => {
  it('is ready when it is handed over and gone when it is stopped', async () => {
    const { binary, version } = await ensurePrometheus({ log });
    expect(version).toMatch(/^\d+\.\d+/);
    const server = await startPrometheus({ binary, sources: { scrapeUrls: [] }, scrapeSeconds: 1, log });
    expect(await isUp(server.url)).toBe(true);
    await server.stop();
    expect(await isUp(server.url)).toBe(false);
    await server.stop();
  }, 180_000);

  it('scrapes what its service discovery lists, with the labels and the path given there', async () => {
    const read: string[] = [];
    const mesh = createServer((request, response) => {
      read.push(request.url ?? '');
      const host = request.headers.host;
      const target = { targets: [host], labels: { __metrics_path__: '/pods/a/metrics', pod: 'a' } };
      response.setHeader('content-type', request.url === '/sd' ? 'application/json' : 'text/plain');
      response.end(request.url === '/sd' ? JSON.stringify([target]) : 'requests_total 7\n');
    }).listen(0, '127.0.0.1');
    await once(mesh, 'listening');
    const address = mesh.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { binary } = await ensurePrometheus({ log });
    const sources = { httpSdUrl: `http://127.0.0.1:${port}/sd` };
    const server = await startPrometheus({ binary, sources, scrapeSeconds: 0.2, log });
    await eventually(async () => {
      const answer = await fetch(`${server.url}/api/v1/query?query=requests_total`);
      expect(await answer.text()).toContain('"pod":"a"');
    });
    expect(read).toContain('/pods/a/metrics');
    await server.stop();
    mesh.closeAllConnections();
    mesh.close();
  }, 60_000);

  it('says what went wrong when it does not start', async () => {
    const start = (binary: string) =>
      startPrometheus({ binary, sources: { scrapeUrls: [] }, scrapeSeconds: 1, log });
    await expect(start('/nowhere/prometheus')).rejects.toThrow(
      'Prometheus did not start: spawn /nowhere/prometheus ENOENT',
    );
    await expect(start('false')).rejects.toThrow('Prometheus did not start: it ended with exit code 1');
  });

  it.each([
    'SIGINT',
    'SIGTERM',
  ] as const)('does not outlive a process that started it and gets %s', async (signal) => {
    await ensurePrometheus({ log });
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', parentCode]);
    const [line] = await once(parent.stdout, 'data');
    const url = String(line).trim();
    expect(await isUp(url)).toBe(true);
    parent.kill(signal);
    await once(parent, 'exit');
    await eventually(async () => expect(await isUp(url)).toBe(false));
  }, 60_000);
});
