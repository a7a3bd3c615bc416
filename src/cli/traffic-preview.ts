import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { runServerProgram } from './server-program.ts';

/** `canaryd traffic preview`: edits as a rollout does, which the server's program knows how to. */
export const trafficPreview: Command = {
  words: ['traffic', 'preview'],
  parameters: '--virtual-service=FILE --target=FILE --weight=N',
  summary: 'Prints what canaryd would make of a VirtualService in a file; asks nobody.',
  help: [
    'Reads a VirtualService (or what kubectl get writes) and the target of a rollout,',
    'alone or in the file of a rollout: YAML or JSON, - is the standard input. Says',
    'on stderr how the shares change and what cannot be known from files: whether',
    'services and subsets exist, and what the API server and its webhooks say.',
    '',
    'Options:',
    "  --weight=N             the canary's share: 0 to 100 in steps of 0.01",
    '  -o, --output=FORMAT    yaml (the object as it would stand, the default), patch',
    '                         (the JSON Patch) or json (shares, patch and object)',
    '  --cluster-domain=NAME  in which short host names are completed; cluster.local',
    '                         without it',
    '',
    'Exit codes:',
    '  0 printed  2 usage  6 refused: the path and the mend are on stderr',
  ],
  asksServer: false,
  run: async (args, terminal) => {
    const code = await runServerProgram(['traffic', 'preview', ...args], terminal);
    return endings.find((ending) => ending === code) ?? exitCodes.unexpected;
  },
};

const endings = [exitCodes.done, exitCodes.usage, exitCodes.invalid] as const;
