import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { runServerProgram } from './server-program.ts';

/** `canaryd break-glass rollback`: asks Kubernetes and nobody else, so the server's program does it. */
export const breakGlassRollback: Command = {
  words: ['break-glass', 'rollback'],
  parameters: '--virtual-service=NAMESPACE/NAME [options]',
  summary: 'Takes the canary back without canaryd: with Kubernetes credentials alone.',
  help: [
    'For when users must leave the canary now and canaryd or its database do not',
    'answer. Shows what stands in the VirtualService and what it will write, asks,',
    'writes the weights of before the rollout, and reads them back. The rollout takes',
    'that up as rolled back as soon as canaryd runs again.',
    '',
    'Options:',
    '  --kubeconfig=PATH  else CANARYD_KUBECONFIG, KUBECONFIG, ~/.kube/config, and in',
    '                     a pod its service account',
    '  --context=NAME     a context of that kubeconfig; its current one without it',
    '  --dry-run          prints the patch and writes nothing',
    '  --yes              does not ask; needed where nobody sits at a terminal',
    '  --reason=TEXT      why, for the record',
    '  --json             one line of JSON for the record; words go to stderr',
    '',
    'Exit codes:',
    '  0 the canary has no traffic, read back (or it was a dry run)  1 not confirmed',
    '  2 usage  6 nothing there that it can take back  7 another rollout moves the',
    '  object  10 the canary may still have traffic  11 not allowed  12 the API',
    '  server was not reached',
  ],
  asksServer: false,
  run: async (args, terminal) => {
    const code = await runServerProgram(['break-glass', 'rollback', ...args], terminal);
    return Object.values(exitCodes).find((known) => known === code) ?? exitCodes.unexpected;
  },
};
