import { z } from 'zod';
import type { UnreadableRollout } from '../errors.ts';
import type { RowFacts, Trouble } from '../rollout/ports/store.ts';
import { explainUnreadable, quarantineOf } from '../rollout/quarantine.ts';
import type { Millis } from '../rollout/units.ts';
import { ProblemError } from './problem.ts';
import { ExplanationOnWire, RolloutId, Timestamp, timestamp } from './wire-parts.ts';

/** A rollout whose turns fail for a reason of its own. */
export const QuarantineOnWire = z
  .object({
    since: Timestamp,
    failures: z.int().describe('How often its turn has failed in a row.'),
    why: z.string().describe('The name of the last error; the log has more.'),
  })
  .nullable()
  .describe(
    'Present while its turns fail again and again: it is tried every 60 s, and nothing moves forward.',
  );

/** A rollout that this version of canaryd cannot read, as a list shows it. */
export const UnreadableOnWire = z
  .object({
    id: RolloutId,
    unreadable: z.literal(true),
    status: z.string().describe('Possibly one that only a newer version knows.'),
    target: z.object({ cluster: z.string(), namespace: z.string(), virtualService: z.string() }),
    quarantine: QuarantineOnWire,
    explanation: ExplanationOnWire,
  })
  .meta({
    id: 'UnreadableRollout',
    description:
      'A rollout that a newer version wrote, or that is damaged: what is known without reading it.',
  });

/** The quarantine that a rollout is in, as callers see it. */
export function renderQuarantine(trouble: Trouble): z.output<typeof QuarantineOnWire> {
  const quarantine = quarantineOf(trouble);
  return quarantine === null ? null : { ...quarantine, since: timestamp(quarantine.since) };
}

/** A row that this version cannot read, as a list shows it. */
export function renderUnreadable(row: RowFacts, now: Millis): z.output<typeof UnreadableOnWire> {
  const { id, status, cluster, namespace, virtualService, trouble } = row;
  return {
    id,
    unreadable: true,
    status,
    target: { cluster, namespace, virtualService },
    quarantine: renderQuarantine(trouble),
    explanation: explainUnreadable(row, now),
  };
}

/** What every request about a rollout gets that this version cannot read: what is left to do, in full. */
export function unreadableProblem({ row }: UnreadableRollout): ProblemError {
  // No clock is at hand: times are told with their date.
  const explanation = explainUnreadable(row, 0);
  const { what, traffic, next } = explanation;
  const detail = `${what} ${traffic} ${next}`;
  return new ProblemError('rollout-unreadable', detail, { allowedActions: [], explanation });
}
