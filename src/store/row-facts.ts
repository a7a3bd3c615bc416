import { sql } from 'kysely';
import { AppError, UnreadableRollout } from '../errors.ts';
import type { RolloutEntry, RowFacts, Trouble } from '../rollout/ports/store.ts';
import type { StoredRollout } from '../rollout/rollout.ts';
import { millis } from './clock.ts';
import { storedFrom } from './rows.ts';

/** The columns that `troubleFrom` reads. */
const troubleColumns = [
  'failures',
  'last_failure',
  millis(sql<Date | null>`quarantined_at`).$castTo<number | null>().as('quarantinedAt'),
] as const;

/** The columns that `factsFrom` reads. */
export const factColumns = [
  'id',
  'status',
  'cluster',
  'namespace',
  'virtual_service',
  ...troubleColumns,
] as const;

export type TroubleRow = { failures: number; last_failure: string | null; quarantinedAt: number | null };
type FactsRow = TroubleRow & {
  id: string;
  status: string;
  cluster: string;
  namespace: string;
  virtual_service: string;
};

/** How a row's turns have failed of late. */
export function troubleFrom({ failures, last_failure: why, quarantinedAt }: TroubleRow): Trouble {
  return { failures, why, quarantinedAt };
}

/** What a row tells without its document. */
export function factsFrom(row: FactsRow): RowFacts {
  const { id, status, cluster, namespace, virtual_service: virtualService } = row;
  return { id, status, cluster, namespace, virtualService, trouble: troubleFrom(row) };
}

/** The rollout of a row; throws `UnreadableRollout`, which knows what the columns tell. */
export function readRow(row: FactsRow & { document: unknown }): StoredRollout {
  try {
    return storedFrom(row.id, row.document);
  } catch (cause) {
    throw cause instanceof AppError ? new UnreadableRollout(factsFrom(row), cause) : cause;
  }
}

/** A row of a list. One that cannot be read hides no other. */
export function entryFrom(row: FactsRow & { document: unknown }): RolloutEntry {
  try {
    return { kind: 'rollout', rollout: readRow(row), trouble: troubleFrom(row) };
  } catch (cause) {
    if (cause instanceof UnreadableRollout) return { kind: 'unreadable', row: cause.row };
    throw cause;
  }
}
