import type { Standing, Taken, TakenRoute } from '../traffic/break-glass.ts';
import type { KubeIdentity } from '../traffic/kube-identity.ts';
import type { End } from './ends.ts';
import type { BreakGlassOptions } from './options.ts';

export type Outcome =
  | 'rolled_back'
  /** Some routes; what became of the others stands in `why`. */
  | 'partly_rolled_back'
  | 'already_rolled_back'
  | 'nothing_to_do'
  | 'dry_run'
  | 'not_confirmed'
  | 'not_done';

type What = {
  outcome: Outcome;
  end: End;
  /** Null while the object could not be read, or no rollout moves it. */
  from: Taken | null;
  /** What was read back. */
  to: Taken | null;
  patch: unknown;
  why: string | null;
};

/** What was done, by whom and when, as one line of JSON for those who keep records. */
export function record(
  { namespace, name, reason }: BreakGlassOptions,
  by: KubeIdentity | null,
  at: Date,
  { outcome, end, from, to, patch, why }: What,
): string {
  const taken = to ?? from;
  const line = {
    time: at.toISOString(),
    command: 'break-glass rollback',
    outcome,
    exitCode: end,
    virtualService: `${namespace}/${name}`,
    route: taken?.route ?? null,
    rollout: taken?.owner.rolloutId ?? null,
    epoch: taken?.owner.epoch ?? null,
    from: from === null ? null : sharesOf(from),
    to: to === null ? null : sharesOf(to),
    by,
    reason,
    why,
    ...(outcome === 'dry_run' ? { patch } : {}),
  };
  return `${JSON.stringify(line)}\n`;
}

/** Every route stands by itself where there are several. */
function sharesOf({ routes, ...most }: Taken) {
  if (routes.length < 2) return sharesIn(most);
  return { ...sharesIn(most), routes: routes.map((one) => ({ route: one.route, ...sharesIn(one) })) };
}

function sharesIn({ stable, canary, others }: TakenRoute) {
  return { stable: shareOf(stable), canary: shareOf(canary), others: others.map(shareOf) };
}

function shareOf({ host, subset, share }: Standing) {
  return { host, subset, share };
}
