import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { furtherVariables, variables } from '../../src/config/settings.ts';
import { root } from './cruise.ts';

/** Neither file can be run without Docker: this holds them to what they promise and to what is there. */
const Service = z.object({
  image: z.string().optional(),
  build: z.strictObject({ context: z.literal('.'), target: z.string() }).optional(),
  user: z.string().regex(/^[1-9]\d*:[1-9]\d*$/),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  privileged: z.never().optional(),
  cap_add: z.never().optional(),
  restart: z.literal('unless-stopped'),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string().regex(/^demo:\/demo(:ro)?$/)).default([]),
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)).default([]),
  network_mode: z.literal('service:mesh').optional(),
  tmpfs: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).default({}),
  healthcheck: z.looseObject({ disable: z.boolean().optional() }).optional(),
});
const Compose = z.object({ services: z.record(z.string(), z.strictObject(Service.shape)) });

const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
const { services } = Compose.parse(parse(text, { merge: true }));
const all = Object.entries(services);

describe('docker compose', () => {
  it('has canaryd in both roles, its two stores, Prometheus and the simulated mesh', () => {
    expect(Object.keys(services).toSorted()).toEqual(
      ['api', 'mesh', 'postgres', 'prometheus', 'redis', 'worker'].toSorted(),
    );
  });

  it.each(all)('runs a pinned image or one that the Dockerfile makes: %s', (_name, { image, build }) => {
    if (image !== undefined) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?$/);
    else expect(dockerfile).toContain(` AS ${build?.target}\n`);
  });

  it.each(all)('waits only for what says of itself that it is healthy: %s', (_name, { depends_on }) => {
    for (const name of Object.keys(depends_on)) {
      expect(services[name]?.healthcheck, name).toMatchObject({ test: expect.any(Array) });
    }
  });

  it('says at its top which ports it opens, on this machine only', () => {
    const opened = all.flatMap(([, { ports }]) => ports.map((port) => port.split(':')[1]));
    const told = [...text.matchAll(/^# {3}http:\/\/127\.0\.0\.1:(\d+)/gm)].map(([, port]) => port);
    expect(told).toEqual(opened);
  });

  it('sets nothing that canaryd does not know', () => {
    const known = [...Object.keys(variables), ...furtherVariables];
    const set = [services['api'], services['worker']].flatMap((one) => Object.keys(one?.environment ?? {}));
    expect(set.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('starts a program of the sources that is there', () => {
    const started = services['mesh']?.command?.at(-1) ?? '';
    expect(existsSync(join(root, started)), started).toBe(true);
  });
});

describe('the Dockerfile', () => {
  const stages = dockerfile.split(/^FROM /m).slice(1);

  it('builds on one pinned Node, and makes canaryd when nothing else is asked for', () => {
    const bases = new Set(stages.map((stage) => stage.split(/\s/)[0]));
    expect([...bases].filter((base) => base?.includes(':'))).toEqual(['node:24.21.0-slim']);
    expect(stages.at(-1)).toMatch(/^\S+ AS canaryd\n/);
  });

  it.each(['sandbox', 'canaryd'])('runs as nobody in particular: %s', (name) => {
    const stage = stages.find((one) => one.split('\n')[0]?.endsWith(` AS ${name}`));
    expect(stage).toMatch(/^USER 1000:1000$/m);
  });

  it('puts no development package, no test and no sandbox into canaryd', () => {
    expect(stages.at(-1)).not.toMatch(/COPY \. |from=packages|sandbox|demo/);
    expect(dockerfile).toMatch(/npm ci --omit=dev --ignore-scripts/);
  });

  it('copies files that are there', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?:--from=\S+ )?(.+) \S+$/gm)].flatMap(([, list = '']) =>
      list.split(' '),
    );
    const paths = sources.map((path) => path.replace('/app/', ''));
    const missing = paths.filter((path) => !existsSync(join(root, path)));
    expect(missing.filter((path) => !['node_modules', 'dist'].includes(path))).toEqual([]);
  });
});
