import type { TurnDeps } from '../../src/rollout/advance.ts';
import { isScheduled } from '../../src/rollout/rollout.ts';

/** Tells whoever started this process, one line each; not lost when the process is killed a moment later. */
export function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

/** Takes no turn before a line comes on standard input, and says when it takes each rollout for the first time. */
export function succeeding(deps: TurnDeps): TurnDeps {
  const { claim, due } = deps.store;
  const taken = new Set<string>();
  let mayGo = false;
  process.stdin.once('data', () => {
    mayGo = true;
  });
  return {
    ...deps,
    store: {
      ...deps.store,
      due: async (...asked) => (mayGo ? due(...asked) : []),
      claim: async (...asked) => {
        const got = mayGo ? await claim(...asked) : null;
        if (got === null || isScheduled(got.rollout) || taken.has(got.rollout.id)) return got;
        taken.add(got.rollout.id);
        say({ kind: 'took', service: got.rollout.target.virtualService, atMs: Date.now() });
        return got;
      },
    },
  };
}
