import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { error, orPass, pass, unknown, warn } from '../judgement.ts';
import type { StableSurvey, Subject } from '../snapshot.ts';

export const countedOnce = defineCheck({
  id: 'PF-PR-06',
  title: 'No request is counted twice',
  family: 'prometheus',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['requestSeries'],
  judge: ({ requestSeries: { duplicates } }, { checks, stable, canary }) => {
    const name = `${stable.service.namespace}/${stable.service.name}`;
    if (duplicates.length === 0) return [pass(`each pod of ${name} is in the metrics once`)];
    const more = duplicates.length > 5 ? ` and ${duplicates.length - 5} more` : '';
    const read = `the same pods of ${name} are in the metrics more than once: ${duplicates.slice(0, 5).join(' | ')}${more}`;
    const counting = checks.filter(({ minRequests }) => minRequests > 1).map(({ id }) => id);
    if (counting.length === 0) {
      return [pass(`${read}; no check of the plan counts requests, and ratios and P99 stay the same`)];
    }
    return [
      error({
        read,
        means: `every request counts several times: ${counting.join(' and ')} would judge ${canary.version} by a fraction of the requests that the plan asks for, although ratios stay the same`,
        mend: 'let Prometheus scrape the proxies by one job (jobs and PodMonitors: /api/v1/targets), and query replicas through what removes duplicates, such as --query.replica-label of Thanos',
      }),
    ];
  },
});

/**
 * A request that reached no pod (503 with UH, UF or NR) is in no pod's metrics: only who sent it counts it, or in an
 * ambient mesh the waypoint on its way.
 * Source: https://istio.io/latest/docs/reference/config/metrics/
 */
export const failuresAreSeen = defineCheck({
  id: 'PF-PR-07',
  title: 'Requests are counted where the failures meant can be seen',
  family: 'prometheus',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['requestSeries', 'survey'],
  judge: ({ requestSeries: { reporters }, survey }, subject) => {
    const name = `${subject.stable.service.namespace}/${subject.stable.service.name}`;
    if (reporters.length === 0) {
      return [
        unknown(`no request of ${name} was counted by anybody`, `send requests to ${name} and ask again`),
      ];
    }
    const failures = [...deaf(reporters, survey, subject), ...blind(reporters, survey, subject)];
    return orPass(
      failures,
      `requests of ${name} are counted by ${reporters.join(' and ')}, and the checks ask there`,
    );
  },
});

/** Checks that ask a reporter who counts nothing. */
function deaf(reporters: readonly string[], survey: StableSurvey, { canary }: Subject): Judgement[] {
  const lost = survey.checks.filter(({ query }) => !reporters.some((reporter) => asks(query, reporter)));
  const [first] = lost;
  if (first === undefined) return [];
  return [
    warn({
      read: `checks ${lost.map(({ id }) => id).join(' and ')} ask for a reporter that counts no request; only ${reporters.join(' and ')} does`,
      means: `they would see nothing of ${canary.version}: it could neither pass nor be turned back by them`,
      mend: `see who counts: promtool query instant <address> 'count by (reporter) (istio_requests_total)'; the query is: ${first.query}`,
    }),
  ];
}

/** Nobody counts what no pod received. */
function blind(reporters: readonly string[], survey: StableSurvey, { stable, canary }: Subject): Judgement[] {
  const byWaypoint =
    reporters.includes('waypoint') && survey.checks.some(({ query }) => asks(query, 'waypoint'));
  if (reporters.includes('source') || byWaypoint) return [];
  return [
    warn({
      read: `requests of ${stable.service.namespace}/${stable.service.name} are counted by ${reporters.join(' and ')} only; none of the callers counts them (reporter="source")`,
      means: `a request that reaches no pod of ${canary.version} (503 UH, UF, NR) would be counted by nobody: a canary that refuses connections looks like one without traffic`,
      mend: 'give the callers proxies, or let Prometheus scrape them; who calls: kubectl get pods -A -l security.istio.io/tlsMode=istio',
    }),
  ];
}

/** True when a query counts what this reporter says; one that names no reporter counts them all. */
function asks(query: string, reporter: string): boolean {
  const matchers = [...query.matchAll(/\breporter\s*(=~?)\s*"([^"]*)"/g)];
  if (matchers.length === 0) return true;
  return matchers.some(
    ([, , value = '']) => value.split('|').includes(reporter) || value === '.*' || value === '.+',
  );
}
