import { z } from 'zod';

/** A route that sends requests to the canary whatever the rollout's weights are, as it stands now. */
export const OtherRoute = z.strictObject({
  namespace: z.string(),
  virtualService: z.string(),
  /** Null for one that has no name. */
  route: z.string().nullable(),
  /** Where the destination stands in the object, such as `spec.http[2].route[0]`. */
  path: z.string(),
  /** Which requests, and by which way they come, in words. */
  match: z.string(),
  /** `mirror` sends copies, whose answers go nowhere. */
  kind: z.enum(['route', 'mirror']),
  /** Of the requests that match, in percent. */
  share: z.number(),
});
export type OtherRoute = z.infer<typeof OtherRoute>;

/** What could not be read, so that nobody knows whether requests reach the canary by it; null is every namespace. */
export const Unread = z.strictObject({ namespace: z.string().nullable(), why: z.string() });
export type Unread = z.infer<typeof Unread>;

/** All that sends requests to the canary beside the weights that a rollout moves. */
export const OtherRoutes = z.strictObject({
  routes: z.array(OtherRoute),
  /** How many more there are than are listed. */
  more: z.number(),
  /** Why whoever calls the canary's service by its name reaches it past all routes; null when a route has that name. */
  direct: z.string().nullable(),
  /** Empty when everything was read. */
  unknown: z.array(Unread),
});
export type OtherRoutes = z.infer<typeof OtherRoutes>;
