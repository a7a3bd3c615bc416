import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { runServerProgram } from './server-program.ts';

/** `canaryd plan limits`: reads alert rules as a rollout does, which the server's program knows how to. */
export const planLimits: Command = {
  words: ['plan', 'limits'],
  parameters: '--rules=FILE [--rule=NAME]...',
  summary: 'Prints alert rules of Prometheus as checks of a plan; asks nobody.',
  help: [
    'Reads a rule file or a PrometheusRule object (or what kubectl get writes): YAML',
    'or JSON. What it takes is a limit on the ratio of 5xx or on the P99 of Istio;',
    'every other rule is refused on stderr with the reason, none is guessed:',
    'docs/guides/limits-from-alert-rules.md has the shapes.',
    '',
    'Options:',
    '  --rules=FILE  where the rules are',
    '  --rule=NAME   one alert, or GROUP/ALERT; may be given again. All without it',
    '',
    'Exit codes:',
    '  0 all are checks  2 usage, or a rule is refused  6 the file is wrong',
  ],
  asksServer: false,
  run: async (args, terminal) => {
    const code = await runServerProgram(['plan', 'limits', ...args], terminal);
    return endings.find((ending) => ending === code) ?? exitCodes.unexpected;
  },
};

const endings = [exitCodes.done, exitCodes.usage, exitCodes.invalid] as const;
