import { z } from 'zod';
import { protections } from './protections.ts';

/** Where in a turn a worker can be told to stop or to die: some calls go by two names, the second more exact. */
export const seams = [
  'after claim',
  'before save',
  'before step',
  'after save',
  'before raise',
  'before first raise',
  'after raise',
  'before write',
  'after write',
] as const;
export type Seam = (typeof seams)[number];

/** What the harness tells a worker. */
export const Order = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('without'), protection: z.enum(protections).nullable() }),
  /** The next turn that comes here stops, or dies. */
  z.strictObject({ kind: z.literal('endAt'), how: z.enum(['SIGSTOP', 'SIGKILL']), seam: z.enum(seams) }),
  z.strictObject({ kind: z.literal('forget') }),
]);
export type Order = z.infer<typeof Order>;

/** What a worker tells the harness. */
export const Report = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  /** Said just before it stops; `id` is the rollout whose turn it is. */
  z.strictObject({ kind: z.literal('ending'), id: z.string() }),
]);
export type Report = z.infer<typeof Report>;
