import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import { certificateFiles } from './canned-server.ts';

const Counts = z.record(z.string(), z.number());
const Changes = z.array(
  z.object({
    seq: z.number(),
    at: z.number(),
    weight: z.number(),
    namespace: z.string(),
    name: z.string(),
  }),
);
const Breach = z.object({ at: z.number() });

/** What the benchmark asks of a canned server, beside what canaryd asks. */
export type Admin = {
  counts(): Promise<Record<string, number>>;
  changesAfter(seq: number): Promise<z.output<typeof Changes>>;
  /** From now on the breaching services breach; answers since when, in ms since the epoch. */
  breach(): Promise<number>;
  close(): Promise<void>;
};

const answerMs = 5000;

/** Speaks to the canned server at `url`, whose certificate lies in `folder`. Every call throws when it is not answered. */
export function adminOf(url: string, folder: string): Admin {
  const ca = readFileSync(join(folder, certificateFiles.ca), 'utf8');
  // Asked once a minute: a connection that is kept would be closed by its server just when it is used.
  const dispatcher = new Agent({ connect: { ca }, pipelining: 0 });
  async function ask<Value>(method: string, path: string, schema: z.ZodType<Value>): Promise<Value> {
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(`${url}/admin/${path}`, { method, dispatcher, signal });
    return schema.parse(await response.json());
  }
  return {
    counts: () => ask('GET', 'counts', Counts),
    changesAfter: (seq) => ask('GET', `changes?after=${seq}`, Changes),
    breach: async () => (await ask('POST', 'breach', Breach)).at,
    close: () => dispatcher.close(),
  };
}
