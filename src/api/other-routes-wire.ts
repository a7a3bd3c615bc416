import { z } from 'zod';

const OtherRouteOnWire = z.object({
  namespace: z.string(),
  virtualService: z.string(),
  route: z.string().nullable().describe('Null for a route that has no name.'),
  path: z.string().describe('Where the destination stands in the object.'),
  match: z.string().describe('Which requests, and by which way they come, in words.'),
  kind: z.enum(['route', 'mirror']).describe('`mirror` sends copies, whose answers go nowhere.'),
  share: z.number().describe('Of the requests that match, in percent.'),
});

/** What sends requests to the canary whatever the rollout's weights are. */
export const OtherRoutesOnWire = z
  .object({
    routes: z.array(OtherRouteOnWire),
    more: z.int().describe('How many more there are than are listed.'),
    direct: z
      .string()
      .nullable()
      .describe(
        "Why whoever calls the canary's service by its name reaches it past all routes; null when a route has that name.",
      ),
    unknown: z
      .array(
        z.object({
          namespace: z.string().nullable().describe('Null for every namespace.'),
          why: z.string(),
        }),
      )
      .describe('What could not be read, so that there may be more; empty when everything was read.'),
  })
  .meta({ id: 'OtherRoutes' });
