import { z } from 'zod';

const Text = z.string().min(1).max(1024);
const onlyOne = { error: 'write one of {"exact": ...}, {"prefix": ...} and {"regex": ...}' };

/** How a text is matched; regular expressions are RE2 and match the whole text, as in Istio. */
export const TextMatch = z.union(
  [z.strictObject({ exact: Text }), z.strictObject({ prefix: Text }), z.strictObject({ regex: Text })],
  onlyOne,
);
export type TextMatch = z.infer<typeof TextMatch>;

const HeaderName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,126}$/, {
  error: 'write the name of a header in small letters, such as x-canary',
});
const CookieName = z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, {
  error: 'a cookie is named by 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"',
});

/** Requests that match all of these. */
export const RequestMatch = z
  .strictObject({
    headers: z.record(HeaderName, TextMatch).optional(),
    cookies: z.record(CookieName, TextMatch).optional(),
    method: TextMatch.optional(),
    uri: TextMatch.optional(),
  })
  .refine(saysSomething, {
    error:
      'name at least one header, cookie, method or uri, such as {"headers": {"x-canary": {"exact": "true"}}}',
  });
export type RequestMatch = z.infer<typeof RequestMatch>;

/** Requests that match any of these. */
export const RequestMatches = z.array(RequestMatch).min(1).max(10);

/** What a managed route is called in the plan; in the VirtualService it is `canaryd-` and this. */
export const ManagedRouteName = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?$/, {
  error: 'a managed route is named by 1 to 40 of a-z, 0-9 and "-"',
});

/** A route that canaryd puts before the routes of the target for a while. */
export const ManagedRoute = z.discriminatedUnion('kind', [
  /** Sends what matches to the canary, whatever the weights. */
  z.strictObject({ kind: z.literal('header'), name: ManagedRouteName, match: RequestMatches }),
  /** Sends a copy of so many percent of what matches to the canary, or of everything; answers go nowhere. */
  z.strictObject({
    kind: z.literal('mirror'),
    name: ManagedRouteName,
    match: RequestMatches.nullable(),
    percentage: z.number(),
  }),
]);
export type ManagedRoute = z.infer<typeof ManagedRoute>;

/** True when both lists say the same, in the same order. */
export function isSameRoutes(one: readonly ManagedRoute[], other: readonly ManagedRoute[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Every name that canaryd gives to a route begins like this; nobody else's may. */
export const managedPrefix = 'canaryd-';

/** True for the name of a route that is canaryd's. */
export function isManagedName(name: string): boolean {
  return name.startsWith(managedPrefix);
}

/** The name of a managed route in the VirtualService. */
export function managedName({ name }: Pick<ManagedRoute, 'name'>): string {
  return `${managedPrefix}${name}`;
}

function saysSomething({
  headers = {},
  cookies = {},
  method,
  uri,
}: {
  headers?: Record<string, unknown> | undefined;
  cookies?: Record<string, unknown> | undefined;
  method?: unknown;
  uri?: unknown;
}): boolean {
  const named = Object.keys(headers).length + Object.keys(cookies).length;
  return named > 0 || method !== undefined || uri !== undefined;
}
