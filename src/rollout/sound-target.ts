import { namesIn } from './names.ts';
import { namesRoutesOnce, TargetRequest } from './target.ts';

/** A target whose parts do not contradict each other. */
export const SoundTargetRequest = TargetRequest.check(({ value, issues }) => {
  if (!namesRoutesOnce(value)) {
    const message = 'name http routes by `route` or by `routes`, not by both';
    issues.push({ code: 'custom', path: ['routes'], message, input: value.routes });
  }
  const repeated = repeatedIn(value);
  if (repeated !== null) {
    const message = 'this VirtualService stands in the target already: name all its routes there';
    issues.push({ code: 'custom', path: ['also', repeated], message, input: value.also });
  }
});

/** Which of `also` names a VirtualService a second time; null when none does. */
function repeatedIn({ cluster = '', ...target }: TargetRequest): number | null {
  const names = namesIn({ ...target, cluster }).map(({ namespace, virtualService }) =>
    [namespace, virtualService].join('/'),
  );
  const index = names.findIndex((name, at) => names.indexOf(name) < at);
  return index < 0 ? null : index - 1;
}
