import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { bankAlertRules } from '../local/alert-rules.ts';
import { startSandbox } from '../src/sandbox/sandbox.ts';
import { heal, play } from './play.ts';
import { scenarios } from './scenarios.ts';
import { textOutput } from './text-output.ts';

const Environment = z.object({
  CANARYD_DEMO_FOLDER: z.string().min(1),
  CANARYD_DEMO_API: z.url(),
  CANARYD_DEMO_TOKEN: z.string().min(1),
});

/**
 * The simulated mesh as a process of its own, for docker-compose.yml: writes how to reach it into a folder that
 * canaryd and Prometheus read, plays the releases of the demo once canaryd answers, and stays up.
 */
async function main(): Promise<void> {
  const environment = Environment.parse(process.env);
  const folder = environment.CANARYD_DEMO_FOLDER;
  const sandbox = await startSandbox();
  process.on('SIGTERM', () => process.exit(0));
  process.on('SIGINT', () => process.exit(0));
  await writeWhole(join(folder, 'kubeconfig'), sandbox.kubeconfig, 0o600);
  await writeWhole(join(folder, 'rules.yml'), JSON.stringify(bankAlertRules), 0o644);
  await writeWhole(join(folder, 'prometheus.yml'), prometheusConfiguration(sandbox.metricsUrl), 0o644);
  const stack = { api: environment.CANARYD_DEMO_API, token: environment.CANARYD_DEMO_TOKEN, sandbox };
  await untilItAnswers(stack.api);
  const output = textOutput();
  for (const scenario of scenarios) {
    output.ended(await play(stack, scenario, output), stack);
    heal(stack, scenario);
  }
}

/** Never seen half-written: who waits for the file reads all of it. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode });
  await rename(`${path}.new`, path);
}

/** JSON is YAML too. */
function prometheusConfiguration(metricsUrl: string): string {
  const often = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  const discovery = { url: `${metricsUrl}/sd`, refresh_interval: '1s' };
  return JSON.stringify({
    global: often,
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'mesh', http_sd_configs: [discovery] }],
  });
}

async function untilItAnswers(api: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${api}/readyz`, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    if (answer?.ok) return;
    await wait(500);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`The mesh ended: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
