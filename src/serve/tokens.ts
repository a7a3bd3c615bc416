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
  const where = tokens.kind === 'file' ? tokens.path : 'CANARYD_TOKENS';
  const faults = read.faults.map((fault) => `  ${where}: ${withForm(fault)}`);
  throw new AppError('configuration', `the tokens have ${faults.length} fault(s):\n${faults.join('\n')}`);
}

const form = '[{"token":"...","kind":"person","name":"alice"}]';

function withForm(fault: string): string {
  return /wrong form|not valid JSON|unknown key|is missing$/.test(fault) ? `${fault}: write ${form}` : fault;
}
