import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { openSchema } from '../../src/serve/schema.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1'), { code: 'ECONNREFUSED' });
const failure = (cause: unknown) =>
  new AppError('migration', 'the schema could not be brought up', { cause });

/** What the server itself answers with this code. */
function sent(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('not now', 0, 'error'), { code });
}

/** A database that gives these answers to a migration, one after the other, and then lets it pass. */
function world(answers: unknown[], ask = async (): Promise<unknown> => 1) {
  const ending = new AbortController();
  const rests: number[] = [];
  const warnings: unknown[] = [];
  const left = [...answers];
  const schema = openSchema({
    prepare: async () => {
      if (left.length > 0) throw left.shift();
    },
    ask,
    database: 'the database canaryd on db:5432, as canaryd',
    ending: ending.signal,
    log: { warn: (fields) => warnings.push(fields) },
    rest: async (ms) => {
      rests.push(ms);
      if (rests.length === 20) ending.abort();
    },
  });
  return { schema, rests, warnings };
}

describe('a start', () => {
  it('waits longer and longer for a database that is down, says so once, and goes on when it is there', async () => {
    const { schema, rests, warnings } = world(Array.from({ length: 7 }, () => failure(refused)));
    expect(schema.missing()).not.toBeNull();
    expect(await schema.ready).toBe(true);
    expect(schema.missing()).toBeNull();
    expect(rests).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000]);
    expect(warnings).toEqual([{ failure: 'the database cannot be reached (ECONNREFUSED)' }]);
  });

  it('that is told to end while it waits ends, without having begun', async () => {
    const { schema } = world(Array.from({ length: 30 }, () => failure(refused)));
    expect(await schema.ready).toBe(false);
    expect(schema.missing()).toBe('the database cannot be reached (ECONNREFUSED)');
  });

  it('that is told to end while its tables are brought up to date begins no work', async () => {
    const ending = new AbortController();
    const { ready } = openSchema({
      prepare: async () => ending.abort(),
      ask: async () => 1,
      database: 'the database',
      ending: ending.signal,
      log: { warn: () => undefined },
    });
    expect(await ready).toBe(false);
  });

  it('that waits for its database goes on waiting while whoever brings it back lets nobody in', async () => {
    const { schema, warnings } = world([failure(refused), failure(sent('3D000'))]);
    expect(await schema.ready).toBe(true);
    expect(JSON.stringify(warnings.at(-1))).toContain('there is no such database (3D000)');
  });

  it('waits when a connection is lost without a code and the database does not answer either', async () => {
    const down = new AppError('databaseUnavailable', 'the database cannot be reached (no answer)');
    const { schema, rests } = world([failure(new Error('Connection terminated'))], () =>
      Promise.reject(down),
    );
    expect(await schema.ready).toBe(true);
    expect(rests).toEqual([250]);
  });

  it.each([
    ['28P01', 'the password is wrong'],
    ['28000', 'the role may not sign in from here'],
    ['3D000', 'there is no such database'],
  ])('ends at once when PostgreSQL lets nobody in: %s', async (code, why) => {
    const { schema, rests, warnings } = world([failure(sent(code)), failure(sent(code))]);
    await expect(schema.ready).rejects.toMatchObject({
      code: 'configuration',
      message: `PostgreSQL lets nobody in: ${why} (${code}): the database canaryd on db:5432, as canaryd; correct DATABASE_URL, or databaseUrl or databaseUrlFile in the configuration file`,
    });
    expect([rests, warnings]).toEqual([[], []]);
  });

  it.each([
    '57P03',
    '53300',
    '57P01',
  ])('waits for a server that starts, is full or ends: %s', async (code) => {
    const { schema, rests } = world([failure(sent(code))]);
    expect(await schema.ready).toBe(true);
    expect(rests).toEqual([250]);
  });

  it('ends when a migration fails a third time while the database answers', async () => {
    const edited = () => failure(new Error('MD5 checksum failed'));
    const { schema, rests } = world([edited(), edited(), edited()]);
    await expect(schema.ready).rejects.toThrow('the schema could not be brought up');
    expect(rests).toEqual([250, 500]);
    expect(await world([edited(), edited()]).schema.ready).toBe(true);
  });

  it.each([
    ['a setting that is wrong', new AppError('configuration', 'the queue URL is none')],
    ['a surprise', new TypeError('surprise')],
  ])('ends at once for %s: waiting would not mend it', async (_name, fault) => {
    const { schema, rests } = world([fault]);
    await expect(schema.ready).rejects.toBe(fault);
    expect(rests).toEqual([]);
  });
});
