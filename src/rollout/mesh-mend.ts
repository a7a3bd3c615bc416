import type { MeshFailure } from './ports/mesh.ts';
import { objectsOf, type Target } from './target.ts';

/** What a person can do about each; empty for what passes by itself, or where the answer says it. */
const mends = {
  forbidden: 'give canaryd that right again',
  unauthorized:
    "canaryd's credentials are not accepted: renew the token in its kubeconfig or its service account",
  throttled:
    'the API server has too many requests: canaryd asks again by itself; if it goes on, see who asks so much with kubectl get --raw /debug/api_priority_and_fairness/dump_priority_levels',
  denied: 'change what the webhook refuses, or its rule',
  invalid: '',
  unreachable: '',
  timeout: '',
  serverError: '',
  unreadable: '',
} as const satisfies Record<MeshFailure['reason'], string>;

/** Why the mesh could not be read or written, and what a person can do about it. */
export function withMend({ reason, why }: MeshFailure): string {
  const mend = mends[reason];
  return mend === '' ? why : `${why}; ${mend}`;
}

/** What a person types, for each VirtualService, to take the canary's traffic back with rights of their own. */
export function breakGlass(target: Target): string {
  return objectsOf(target).map(breakGlassOn).join(' and ');
}

/** The same for one VirtualService. */
export function breakGlassOn({
  namespace,
  virtualService,
}: Pick<Target, 'namespace' | 'virtualService'>): string {
  return `canaryd break-glass rollback --virtual-service=${namespace}/${virtualService}`;
}
