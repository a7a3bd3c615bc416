import { z } from 'zod';

/** The size of a page. A query is text, hence the coercion. */
export function pageLimit(most: number, usual: number) {
  return z.coerce
    .number()
    .int()
    .min(1)
    .max(most)
    .default(usual)
    .describe(`At most so many; ${usual} by default.`);
}

/** `page` of lists that go on with a cursor. */
export const CursorPage = z.object({ nextCursor: z.string().nullable(), hasMore: z.boolean() });

/** `after` of lists that go on behind an audit row. */
export const AfterNumber = z.coerce
  .number()
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
  .optional()
  .describe('Only rows with a higher `number`.');

/** A time in a query; with any offset. */
export const Instant = z.iso.datetime({ offset: true, error: 'write a time as 2026-11-24T14:00:00Z' });

type Cut<Item> = { shown: Item[]; last: Item | null; hasMore: boolean };

/** Cuts what was found to a page. Ask for one more than the page holds: it tells whether there is another page. */
export function cutToPage<Item>(found: readonly Item[], limit: number): Cut<Item> {
  const shown = found.slice(0, limit);
  return { shown, last: shown.at(-1) ?? null, hasMore: found.length > limit };
}

/** Where the page behind this one begins; null when there is none. */
export function nextCursor<Item>(
  { last, hasMore }: Cut<Item>,
  cursorOf: (last: Item) => string,
): string | null {
  return hasMore && last !== null ? cursorOf(last) : null;
}

/**
 * `Link` to the next page: the same request with another value of `name`. Relative, so that a client never sends its
 * token to another host (RFC 8288).
 */
export function nextLink(url: string, name: string, value: string): string {
  const [path = '', query = ''] = url.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set(name, value);
  return `<${path}?${parameters}>; rel="next"`;
}
