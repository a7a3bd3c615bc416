import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { stringify } from 'yaml';
import type { TrafficPreviewOptions } from '../../src/traffic-preview/options.ts';
import { trafficPreview } from '../../src/traffic-preview/traffic-preview.ts';

type Json = { [name: string]: unknown };

/** A destination of the host `payment`. */
export const to = (subset: string, weight?: number) => ({
  destination: { host: 'payment', subset },
  ...(weight === undefined ? {} : { weight }),
});

/** A VirtualService as somebody keeps it in a repository: no API server has written it. */
export function virtualService(spec: Json = {}, metadata: Json = {}): Json {
  const route = [to('v1', 100), to('v2', 0)];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'payment', namespace: 'shop', ...metadata },
    spec: { hosts: ['payment'], http: [{ name: 'primary', timeout: '3s', route }], ...spec },
  };
}

export const target: Json = { namespace: 'shop', virtualService: 'payment' };

export type Asked = Partial<Pick<TrafficPreviewOptions, 'weight' | 'output' | 'clusterDomain'>> & {
  /** What stands in the files: text as it is, anything else as YAML. Null is a file that is not there. */
  object?: unknown;
  target?: unknown;
  /** What comes from the standard input; then the object is read from there. */
  stdin?: string;
};

/** Runs a preview of these files; names of the folder they are in are taken out of what it says. */
export async function preview({ object = virtualService(), target: asked = target, stdin, ...more }: Asked) {
  const folder = await mkdtemp(join(tmpdir(), 'canaryd-traffic-'));
  const said = { out: '', err: '' };
  const options: TrafficPreviewOptions = {
    virtualService: stdin === undefined ? join(folder, 'vs.yaml') : '-',
    target: join(folder, 'target.yaml'),
    weight: 5,
    output: 'yaml',
    clusterDomain: 'cluster.local',
    ...more,
  };
  await write(options.virtualService, object);
  await write(options.target, asked);
  const code = await trafficPreview(options, {
    stdin: Readable.from([stdin ?? '']),
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
  });
  await rm(folder, { recursive: true });
  // The folder's name may be broken into lines: words are compared without those.
  const err = said.err.replaceAll(/\s+/g, ' ').replaceAll(`${folder}/`, '').trim();
  return { code, out: said.out, err, lines: said.err.split('\n') };
}

async function write(path: string, content: unknown): Promise<void> {
  if (path === '-' || content === null) return;
  await writeFile(path, typeof content === 'string' ? content : stringify(content));
}
