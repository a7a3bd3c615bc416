import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { codeOf } from '../errors.ts';
import type { Actor } from '../rollout/reasons.ts';

const Token = z.strictObject({
  token: z
    .string({ error: 'is missing' })
    .min(20, { error: 'has fewer than 20 characters' })
    .max(500, { error: 'has more than 500 characters' })
    .regex(/^[A-Za-z0-9._~+/-]+=*$/, { error: 'has a character that a bearer token cannot have' }),
  kind: z.enum(['person', 'machine'], { error: 'is "person" or "machine"' }),
  name: z.string({ error: 'is missing' }).regex(/^[A-Za-z0-9][A-Za-z0-9 ._@:/#+-]{0,99}$/, {
    error: 'has 1 to 100 of A-Z, a-z, 0-9, space and ._@:/#+-, and starts with a letter or digit',
  }),
});
const Tokens = z.array(Token).min(1, { error: 'has no token in it: nobody could sign in' });

/** Who a bearer token belongs to. Holds hashes only. */
export type TokenTable = {
  /** Null for every token that is not in the table, in the same time. */
  identify(token: string): Actor | null;
};

type TokensRead = { kind: 'tokens'; table: TokenTable } | { kind: 'faults'; faults: string[] };

/**
 * Reads tokens from JSON: `[{"token":"…","kind":"person","name":"alice"}]`. Answers all faults at once, each a
 * sentence that names the entry by its place and never holds a token.
 */
export function parseTokens(json: string): TokensRead {
  let written: unknown;
  try {
    written = JSON.parse(json);
  } catch {
    return { kind: 'faults', faults: ['the tokens are not valid JSON'] };
  }
  const parsed = Tokens.safeParse(written);
  if (!parsed.success) return { kind: 'faults', faults: parsed.error.issues.map(faultOf) };
  const faults = repeated(parsed.data);
  return faults.length > 0 ? { kind: 'faults', faults } : { kind: 'tokens', table: tableOf(parsed.data) };
}

/** Reads the tokens from a file; a file that cannot be read is a fault like any other. */
export async function readTokens(path: string): Promise<TokensRead> {
  let json: string;
  try {
    json = await readFile(path, 'utf8');
  } catch (error) {
    return {
      kind: 'faults',
      faults: [`the token file cannot be read: ${codeOf(error) ?? 'unknown reason'}`],
    };
  }
  return parseTokens(json);
}

function faultOf(issue: z.core.$ZodIssue): string {
  const [place, field] = issue.path;
  const where = place === undefined ? 'the list of tokens' : `entry ${Number(place) + 1} of the tokens`;
  if (issue.code === 'unrecognized_keys') return `${where} has an unknown key`;
  if (field !== undefined) return `${where}: "${String(field)}" ${issue.message}`;
  return issue.code === 'too_small' ? `${where} ${issue.message}` : `${where} has the wrong form`;
}

function repeated(tokens: z.output<typeof Tokens>): string[] {
  const places = new Map<string, number>();
  const faults: string[] = [];
  for (const [index, { token }] of tokens.entries()) {
    const first = places.get(token);
    if (first === undefined) places.set(token, index);
    else faults.push(`entries ${first + 1} and ${index + 1} of the tokens have the same token`);
  }
  return faults;
}

function tableOf(tokens: z.output<typeof Tokens>): TokenTable {
  const entries = tokens.map(({ token, kind, name }) => ({ hash: hashOf(token), actor: { kind, name } }));
  return { identify: (token) => search(entries, hashOf(token)) };
}

/** Looks at every entry, so that the time tells nothing about which one matched. */
function search(entries: { hash: Buffer; actor: Actor }[], hash: Buffer): Actor | null {
  let found: Actor | null = null;
  for (const entry of entries) {
    if (timingSafeEqual(entry.hash, hash)) found = entry.actor;
  }
  return found;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
