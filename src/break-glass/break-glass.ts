import { AppError } from '../errors.ts';
import type { RollbackPlan } from '../traffic/break-glass.ts';
import { connectKube, type Kube } from '../traffic/kube.ts';
import { identityOf, type KubeIdentity } from '../traffic/kube-identity.ts';
import { type End, ends } from './ends.ts';
import type { BreakGlassOptions } from './options.ts';
import { type Outcome, record } from './record.ts';
import { type Refused, tell } from './refusals.ts';
import { sourceFor } from './source.ts';
import { readStablePods } from './stable-pods.ts';
import { type Attempts, look, type TakenBack, takeBack } from './take-back.ts';
import * as words from './words.ts';

/** What the program has of the outside. Milliseconds; `ask` is null where nobody can answer. */
export type Surroundings = {
  environment: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  ask: ((question: string) => Promise<string>) | null;
  now: () => number;
  pause: (ms: number) => Promise<unknown>;
  /** For all tries to write together. */
  budgetMs: number;
};

/** Pods are read for a warning only, and must not keep anybody waiting. */
const podsMs = 2000;

/**
 * Takes the canary's traffic back on a VirtualService with Kubernetes credentials alone, and leaves word in it for the
 * rollout's next turn. Says what stands there, what is written and what was read back.
 * @returns the exit code
 */
export async function breakGlass(options: BreakGlassOptions, around: Surroundings): Promise<End> {
  const voice = voiceOf(options, around);
  try {
    const source = sourceFor(around.environment, options);
    const by = await identityOf(source);
    const kube = await connectKube(source);
    try {
      return await rollBack({ options, around, kube, by, ...voiceOf(options, around, by) });
    } finally {
      await kube.close();
    }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'configuration') throw error;
    voice.say(words.row('Not done', `${error.message}.`));
    return voice.end('not_done', ends.usage, { why: error.message });
  }
}

type Parts = {
  options: BreakGlassOptions;
  around: Surroundings;
  kube: Kube;
  by: KubeIdentity;
} & Voice;

async function rollBack(parts: Parts): Promise<End> {
  const { options, by, say } = parts;
  say(words.where(by));
  const seen = await look(attemptsOf(parts));
  if (seen.kind !== 'write') return finish(parts, seen, null);
  say(words.before(options, seen));
  if (options.dryRun) return showPatch(parts, seen);
  const pods = await readStablePods(parts.kube, seen.taken, AbortSignal.timeout(podsMs));
  say(words.warning(seen.taken, pods) ?? '');
  const refusal = await confirm(parts);
  if (refusal !== null) {
    say(words.row('Not done', `${refusal.why}; nothing was written.`));
    return parts.end('not_confirmed', refusal.end, { from: seen.taken, why: refusal.why });
  }
  return finish(parts, await takeBack(attemptsOf(parts), seen.taken.owner.rolloutId), seen);
}

type Planned = Extract<RollbackPlan, { kind: 'write' }>;

function finish(parts: Parts, result: TakenBack, before: Planned | null): End {
  const { options, say, end } = parts;
  const from = before?.taken ?? null;
  switch (result.kind) {
    case 'takenBack':
      say(words.after(options, result.taken, from ?? result.taken, result.resourceVersion));
      return endOf(parts, 'rolled_back', { from, to: result.taken });
    case 'already':
      say(words.again(options, result.taken));
      return endOf(parts, 'already_rolled_back', { from: result.taken, to: result.taken });
    case 'ended':
      say(words.ended(options, result.owner.rolloutId));
      return end('already_rolled_back', ends.done, {});
    default:
      return refuse(parts, result, from);
  }
}

/** A route that no weight can take back leaves work for a person. */
function endOf(
  { options, say, end }: Parts,
  outcome: Outcome,
  { from, to }: { from: Planned['taken'] | null; to: Planned['taken'] },
): End {
  const left = words.left(options, to);
  if (left === null) return end(outcome, ends.done, { from, to });
  say(left);
  const why = to.lost.map((one) => `${one.route}: ${one.why}`).join('; ');
  return end('partly_rolled_back', ends.needsPerson, { from, to, why });
}

function refuse({ options, say, end }: Parts, refused: Refused, from: Planned['taken'] | null): End {
  const told = tell(options, refused);
  say(told.text);
  return end(told.outcome, told.end, { from, why: told.why });
}

function showPatch({ options, say, end }: Parts, { taken, patch }: Planned): End {
  if (!options.json) say(`${JSON.stringify(patch, null, 2)}\n`);
  say(words.row('Not done', 'this was a dry run; nothing was written.'));
  return end('dry_run', ends.done, { from: taken, patch });
}

/** Null when the traffic may be taken back. */
async function confirm({ options, around }: Parts): Promise<{ end: End; why: string } | null> {
  if (options.yes) return null;
  if (around.ask === null) return { end: ends.usage, why: 'nobody can be asked here: say --yes' };
  const answer = await around.ask("Take the canary's traffic back now? Type yes: ");
  const isYes = ['y', 'yes'].includes(answer.trim().toLowerCase());
  return isYes ? null : { end: ends.notDone, why: 'the answer was not yes' };
}

function attemptsOf({ options, around, kube }: Parts): Attempts {
  const { namespace, name } = options;
  const { budgetMs, now, pause } = around;
  return { kube, name: { namespace, name }, budgetMs, now, pause };
}

type Voice = {
  say: (text: string) => void;
  end: (
    outcome: Outcome,
    end: End,
    more: Partial<Omit<Parameters<typeof record>[3], 'outcome' | 'end'>>,
  ) => End;
};

/** With --json one line goes to stdout, and what is for people to stderr. */
function voiceOf(options: BreakGlassOptions, around: Surroundings, by: KubeIdentity | null = null): Voice {
  const nothing = { from: null, to: null, patch: null, why: null };
  return {
    say: options.json ? around.err : around.out,
    end: (outcome, end, more) => {
      if (options.json) {
        around.out(record(options, by, new Date(around.now()), { ...nothing, ...more, outcome, end }));
      }
      return end;
    },
  };
}
