import { labelWords, type Sides, sidesOf, withoutPods } from '../arms.ts';
import { defineCheck } from '../check.ts';
import { bounded, info, orPass, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { AuthorizationPolicy } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Forbidden } from '../snapshot.ts';
import { isDryRun, policyReach, sorted } from './policies.ts';

/** Source: https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/ */
export const dryRuns = defineCheck({
  id: 'PF-AZ-05',
  title: 'No AuthorizationPolicy of the service is only a dry run',
  family: 'authorization',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'info',
  needs: ['authorizationPolicies', 'pods', 'meshConfig'],
  judge: ({ authorizationPolicies, pods, meshConfig: { rootNamespace } }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const selecting = sorted(authorizationPolicies).filter((policy) => isFor(policy, sides, rootNamespace));
    const failures = selecting.filter(isDryRun).map(dryRun);
    return orPass(
      bounded(failures),
      `${selecting.length} policies select the service, none of them a dry run`,
    );
  },
});

function isFor(policy: AuthorizationPolicy, { stable, canary }: Sides, rootNamespace: string): boolean {
  return [stable, canary].some((side) => policyReach([policy], side, rootNamespace) !== 'none');
}

function dryRun({ metadata, spec }: AuthorizationPolicy) {
  return info({
    read: `AuthorizationPolicy ${nameOf(metadata)} (${spec?.action ?? 'ALLOW'}) has the annotation istio.io/dry-run: "${metadata.annotations?.['istio.io/dry-run'] ?? ''}"`,
    means:
      'it is logged and not enforced: it neither protects this rollout nor can it be blamed for its 403s',
    mend: `once its log is clean: kubectl -n ${metadata.namespace ?? 'default'} annotate authorizationpolicy ${metadata.name} istio.io/dry-run-`,
    object: refTo('AuthorizationPolicy', metadata),
    path: 'metadata.annotations["istio.io/dry-run"]',
  });
}

const fewestForbidden = 5;
const timesStable = 2;
/** One false alarm in about 740 comparisons. */
const leastDeviations = 3;

/**
 * A one-sided test of two proportions against what stable answers now, so that clients that fail to log in do not
 * count against the canary. Source of the statistic: https://www.itl.nist.gov/div898/handbook/prc/section3/prc33.htm
 */
export const forbiddenAnswers = defineCheck({
  id: 'PF-AZ-06',
  title: 'The canary forbids no more than stable does',
  family: 'authorization',
  priority: 'P1',
  codes: [],
  again: true,
  severity: 'warn',
  needs: ['forbidden'],
  judge: ({ forbidden }, { stable, canary }) => {
    const read = `${canary.version} answered 403 to ${ratioWords(forbidden.canary)}, ${stable.version} to ${ratioWords(forbidden.stable)}, in ${forbidden.window} s`;
    if (forbidden.canary.requests === 0)
      return [skip(`${canary.version} had no requests in ${forbidden.window} s`)];
    if (forbidden.stable.requests === 0) return [unknown(read, 'compare again while stable has traffic')];
    if (!isMore(forbidden)) return [pass(read)];
    return [
      warn({
        read,
        means: `callers that ${stable.version} serves are refused by ${canary.version}: most likely a policy or an identity differs (PF-AZ-02, PF-AZ-03), and each share moved refuses more of them`,
        mend: `read who is refused: kubectl -n ${canary.service.namespace} logs -l ${labelWords(canary.podLabels ?? {})} -c istio-proxy --tail=200 | grep ' 403 '`,
      }),
    ];
  },
});

function ratioWords({ requests, forbidden }: Forbidden['stable']): string {
  const percent = requests === 0 ? 0 : (100 * forbidden) / requests;
  return `${forbidden} of ${requests} requests (${Number(percent.toPrecision(3))} %)`;
}

function isMore({ stable, canary }: Forbidden): boolean {
  const ofStable = stable.forbidden / stable.requests;
  const ofCanary = canary.forbidden / canary.requests;
  const pooled = (stable.forbidden + canary.forbidden) / (stable.requests + canary.requests);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / stable.requests + 1 / canary.requests));
  const isClear = deviation === 0 || (ofCanary - ofStable) / deviation >= leastDeviations;
  return canary.forbidden >= fewestForbidden && ofCanary > timesStable * ofStable && isClear;
}
