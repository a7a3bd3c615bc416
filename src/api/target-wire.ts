import { z } from 'zod';
import type { TargetKey } from '../rollout/ports/targets.ts';
import { CursorPage } from './page.ts';
import { UnreadableOnWire } from './quarantine-wire.ts';
import { RolloutOnWire } from './wire.ts';

const { id, status, statusReason, outcome, versions, createdAt, links, target } = RolloutOnWire.shape;

const LastRollout = z
  .object({
    id,
    status,
    statusReason,
    ended: z.boolean(),
    outcome,
    versions,
    createdAt,
    links,
  })
  .meta({ id: 'LastRollout' });

const Last = z.union([LastRollout, UnreadableOnWire]);

const place = { cluster: z.string(), namespace: z.string(), virtualService: z.string() };
const liveRollout = z
  .string()
  .nullable()
  .describe('The id of the rollout that holds the VirtualService now; no other one can start meanwhile.');
const self = z.object({ self: z.string() });

export const TargetPage = z
  .object({
    data: z
      .array(
        z.object({
          ...place,
          route: z.string().nullable().describe('Null for the single http route that has no name.'),
          liveRollout,
          lastRollout: Last,
          links: self,
        }),
      )
      .describe('In the order of cluster, namespace, VirtualService and route.'),
    page: CursorPage,
  })
  .meta({ id: 'TargetPage' });

const Fault = z
  .object({
    code: z.string().describe('The slug of the problem that a rollout there would be refused with.'),
    path: z.string().describe('Where in the VirtualService.'),
    message: z.string().describe('What to mend.'),
  })
  .nullable();

const arm = target.shape.stable.nullable();

export const RouteOnWire = z.object({
  name: z.string().nullable().describe('Null for a route without a name.'),
  path: z.string().describe('Where the route stands in the VirtualService.'),
  destinations: z
    .array(
      z.object({
        host: z.string(),
        subset: z.string().nullable(),
        weight: z.number().nullable().describe('The number that is written; null when there is none.'),
        share: z.number().describe('In percent: weights are parts of their sum.'),
      }),
    )
    .describe('Empty when they cannot be read; `fault` says why.'),
  ready: z.boolean().describe('True when a rollout could start there as it stands.'),
  fault: Fault.describe('Why no rollout could start there; null when one could.'),
  stable: arm.describe('What has all traffic now; null when no rollout could start.'),
  canary: arm.describe('What a rollout would give traffic to; null when no rollout could start.'),
});

export const TargetDetail = z
  .object({
    ...place,
    routes: z.array(RouteOnWire).describe('All http routes, in their order; at most 50.'),
    fault: Fault.describe('Why there is no route that could be moved; null when there is one to look at.'),
    liveRollout,
    lastRollout: Last.nullable().describe('The last one of any route; null when it never had one.'),
    links: self,
  })
  .meta({ id: 'TargetDetail' });

const Key = z.tuple([z.string(), z.string(), z.string(), z.string()]);

/** Where the next page begins, for machines: `page.nextCursor` of the page before. */
export const Cursor = z
  .string()
  .max(1000)
  .transform((written, context): TargetKey => {
    const key = Key.safeParse(jsonIn(written));
    if (key.success) {
      const [cluster, namespace, virtualService, route] = key.data;
      return { cluster, namespace, virtualService, route };
    }
    context.addIssue({ code: 'custom', message: 'write `page.nextCursor` of the page before' });
    return z.NEVER;
  });

/** The cursor behind a target. */
export function cursorOf({ cluster, namespace, virtualService, route }: TargetKey): string {
  return Buffer.from(JSON.stringify([cluster, namespace, virtualService, route])).toString('base64url');
}

function jsonIn(written: string): unknown {
  try {
    return JSON.parse(Buffer.from(written, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}
