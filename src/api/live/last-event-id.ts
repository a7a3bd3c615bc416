import { z } from 'zod';

const error = 'is the id of the last event that was received, a whole number';

const EventId = z
  .string()
  .regex(/^\d{1,15}$/, { error })
  .transform(Number)
  .optional();

/** Where a stream goes on; sent by every client that was cut off. */
export const LastEventIdHeader = z.looseObject({
  'last-event-id': EventId.describe('Go on after this event; browsers and libraries send it by themselves.'),
});

export const LastEventIdQuery = EventId.describe('The same as the header `Last-Event-ID`, which wins.');

/** The id after which to go on, or null. */
export function lastEventId(
  headers: z.output<typeof LastEventIdHeader>,
  query: number | undefined,
): number | null {
  return headers['last-event-id'] ?? query ?? null;
}
