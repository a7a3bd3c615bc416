import { type Check, defineCheck } from '../check.ts';
import { bounded, error, info, orPass } from '../judgement.ts';
import type { Lock, Millis, Subject } from '../snapshot.ts';

/** The lock is canaryd's own: one live rollout for each route, named in its database and by an annotation on the object. */
export const oneRollout: Check = defineCheck({
  id: 'PF-GO-05',
  title: 'No other rollout moves the same route',
  family: 'ownership',
  priority: 'P0',
  codes: [],
  again: true,
  severity: 'error',
  needs: ['locks'],
  judge: ({ locks }, subject, at) => {
    const others = locks.filter(({ isOwn }) => !isOwn);
    const failures = others.map((lock) =>
      lock.live ? held(lock, subject, at) : leftOver(lock, subject, at),
    );
    const own = locks.find(({ isOwn }) => isOwn);
    const read =
      own === undefined
        ? 'no rollout names the route'
        : `only ${own.rolloutId} itself, since ${age(own, at)}`;
    return orPass(bounded(failures), read);
  },
});

function held(lock: Lock, subject: Subject, at: Millis) {
  return error({
    read: `the rollout ${lock.rolloutId} holds ${namesOf(subject)}, since ${age(lock, at)}`,
    means:
      'two rollouts would write weights over each other, and neither would know which version its checks judge',
    mend: `wait for its end, or end it: POST /v1/rollouts/${lock.rolloutId}/actions/abort`,
    ...objectOf(subject),
  });
}

/** What a crash leaves does not hold a rollout up: the next write signs the object anew. */
function leftOver(lock: Lock, subject: Subject, at: Millis) {
  const commands = subject.virtualServices.map(
    ({ namespace, name }) =>
      `kubectl -n ${namespace} annotate virtualservice ${name} canaryd.io/rollout- canaryd.io/epoch-`,
  );
  return info({
    read: `${namesOf(subject)} still bears the mark of the rollout ${lock.rolloutId}, which does not run, since ${age(lock, at)}`,
    means: 'it holds nothing up: the first write of this rollout replaces it',
    mend: `nothing, or take the mark away: ${commands.join(' && ')}`,
    ...objectOf(subject),
  });
}

function namesOf({ virtualServices }: Subject): string {
  return virtualServices.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
}

function objectOf({ virtualServices: [only, second] }: Subject) {
  if (only === undefined || second !== undefined) return {};
  const { namespace, name } = only;
  return { object: { kind: 'VirtualService', namespace, name }, path: 'metadata.annotations' };
}

function age({ since }: Lock, at: Millis): string {
  if (since === null) return 'an unknown time';
  const minutes = Math.max(0, Math.round((at - since) / 60_000));
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
