import { parseTokens, readTokens, type TokenTable } from '../api/tokens.ts';
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';

/**
 * Reads the bearer tokens.
 * @throws AppError `configuration` that lists every fault and quotes no token
 */
export async function tokensOf({ tokens }: Pick<Config, 'tokens'>): Promise<TokenTable> {
  const read = tokens.kind === 'file' ? await readTokens(tokens.path) : parseTokens(tokens.json);
  if (read.kind === 'tokens') return read.table;
  throw new AppError(
    'configuration',
    `the tokens have ${read.faults.length} fault(s):\n${read.faults.map((fault) => `  ${fault}`).join('\n')}`,
  );
}
