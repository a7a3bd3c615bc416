import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { programAt } from '../../local/programs.ts';
import { targetService } from '../../src/rollout/targets.ts';
import { aliceToken, api } from '../api/api.ts';
import { type FakeService, fakeService } from '../api/fake-service.ts';
import { type FakeMesh, fakeMesh } from '../fakes/mesh.ts';
import { memoryTargets } from '../fakes/targets.ts';

export type Ran = { code: number; out: string; err: string };

/** A server with fakes behind it, on a port of its own, and the real command in a folder of its own. */
export type CliWorld = {
  app: FastifyInstance;
  url: string;
  mesh: FakeMesh;
  service: FakeService;
  folder: string;
  /** Runs `canaryd` as a process; `env` wins over the usual url and token. */
  run(args: string[], env?: Record<string, string>): Promise<Ran>;
  write(file: string, text: string): Promise<void>;
  close(): Promise<void>;
};

/** `given`: a server with something else behind it than the fakes of the world. */
export async function openCli(given?: FastifyInstance): Promise<CliWorld> {
  const mesh = fakeMesh();
  const service = fakeService();
  const targets = targetService({
    clusters: ['default'],
    mesh,
    records: memoryTargets(service.rollouts),
    deadline: () => new AbortController().signal,
  });
  const app = given ?? api({ service, targets });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-cli-'));
  return {
    app,
    url,
    mesh,
    service,
    folder,
    run: (args, env = {}) => canaryd(args, folder, { CANARYD_URL: url, CANARYD_TOKEN: aliceToken, ...env }),
    write: (file, text) => writeFile(join(folder, file), text),
    close: async () => {
      await app.close();
      await rm(folder, { recursive: true });
    },
  };
}

const Failed = z.looseObject({ code: z.number() });

async function canaryd(args: string[], cwd: string, env: Record<string, string>): Promise<Ran> {
  const program = await programAt('src/cli/main.ts');
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 15_000 };
    execFile(process.execPath, [program, ...args], options, (error, out, err) => {
      const code = error === null ? 0 : (Failed.safeParse(error).data?.code ?? -1);
      resolve({ code, out, err });
    });
  });
}
