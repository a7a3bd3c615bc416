import pg from 'pg';
import { z } from 'zod';

/** What an ended rollout must not leave behind: a weight that is still to be written, and a lease. */
export type Left = { intent: unknown; lease: string | null };

const Row = z.tuple([z.object({ intent: z.unknown(), lease: z.string().nullable() })]);

export async function leftOf(databaseUrl: string, id: string): Promise<Left> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const found = await client.query(
      `select document #> '{traffic,intent}' as intent, lease_owner as lease from rollout where id = $1`,
      [id],
    );
    const [left] = Row.parse(found.rows);
    return left;
  } finally {
    await client.end();
  }
}
