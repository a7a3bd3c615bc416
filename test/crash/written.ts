import { z } from 'zod';
import { virtualServices } from '../../src/sandbox/resources.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';

/** What stood in the mesh, in order. */
export type Written = {
  /** The canary's shares, each once until it changed. */
  shares: number[];
  /** The epoch of each write that was accepted. */
  epochs: number[];
};

const Seen = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).optional() }),
  spec: z.looseObject({
    http: z.tuple([
      z.looseObject({ route: z.tuple([z.looseObject({}), z.looseObject({ weight: z.number() })]) }),
    ]),
  }),
});

/** Follows the canaries of these services, which hold 0 % now, through every write that the mesh accepts. */
export function watchWrites(sandbox: Sandbox, services: string[]): Map<string, Written> {
  const written = new Map<string, Written>(services.map((name) => [name, { shares: [0], epochs: [] }]));
  sandbox.store.history.follow(({ key, after }) => {
    const known = key.type === virtualServices ? written.get(key.name) : undefined;
    if (known === undefined) return;
    const { metadata, spec } = Seen.parse(after);
    const share = spec.http[0].route[1].weight;
    if (share !== known.shares.at(-1)) known.shares.push(share);
    known.epochs.push(Number(metadata.annotations?.['canaryd.io/epoch']));
  });
  return written;
}
