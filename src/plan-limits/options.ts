import { parseArgs } from 'node:util';

export type PlanLimitsOptions = {
  /** Path of the file with the alert rules. */
  rules: string;
  /** Names of alerts, alone or behind their group and a slash; of none, all are meant. */
  wanted: string[];
};

export type PlanLimitsCommand =
  | { kind: 'planLimits'; options: PlanLimitsOptions }
  | { kind: 'help' }
  | { kind: 'misused'; why: string };

const options = {
  rules: { type: 'string' },
  rule: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Reads the arguments behind `canaryd plan`. */
export function readPlanLimits(words: readonly string[]): PlanLimitsCommand {
  const parsed = parse(words);
  if (parsed === null) return misused('there is an option that plan limits does not know');
  const { values, positionals } = parsed;
  if (values.help === true) return { kind: 'help' };
  if (positionals.length !== 1 || positionals[0] !== 'limits') {
    return misused('the only command of plan here is limits');
  }
  const { rules = '', rule = [] } = values;
  if (rules === '') return misused('name the file with the alert rules: --rules=FILE');
  if (rule.includes('')) return misused('name an alert: --rule=NAME');
  return { kind: 'planLimits', options: { rules, wanted: rule } };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch {
    // Node's message quotes the argument, which may be a secret in the wrong place.
    return null;
  }
}

function misused(why: string): PlanLimitsCommand {
  return { kind: 'misused', why };
}
