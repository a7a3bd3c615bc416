import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { istiodLogs, namingIstiod } from '../istiod.ts';
import { orPass, unknown, warn } from '../judgement.ts';
import type { ProxySync } from '../snapshot.ts';

/** Ratio of the changes that a proxy may have late: after more than 30 s, the last bound that istiod counts by. */
const mostLate = 0.01;

/**
 * istiod's own counters: what proxies refused, and how long a change takes. It shows no counter of refusals before the
 * first one. Source: https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics
 */
export const proxiesSynced = namingIstiod((istiod) =>
  defineCheck({
    id: 'PF-SC-06',
    title: 'Proxies take what istiod sends them, within 30 s',
    family: 'injection',
    priority: 'P1',
    codes: [],
    again: true,
    severity: 'warn',
    needs: ['proxySync'],
    judge: ({ proxySync }) => {
      const rejected = soundOf(proxySync.rejected);
      const late = soundOf(proxySync.lateRatio);
      if (rejected === null && late === null) return [silent(proxySync)];
      const failures = [...refused(rejected, proxySync, istiod), ...slow(late, proxySync, istiod)];
      const pace =
        late === null ? 'nothing was pushed' : `${percentWords(late)} of changes took more than 30 s`;
      return orPass(failures, `in ${proxySync.window} s no proxy refused its configuration, and ${pace}`);
    },
  }),
);

function soundOf(value: number | null): number | null {
  return value === null || Number.isNaN(value) ? null : value;
}

function silent({ window }: ProxySync): Judgement {
  return unknown(
    `istiod tells of no push to proxies in ${window} s`,
    'have Prometheus scrape istiod (port 15014): pilot_proxy_convergence_time_bucket and pilot_total_xds_rejects',
  );
}

function refused(rejected: number | null, { window }: ProxySync, istiod: string): Judgement[] {
  if (rejected === null || rejected <= 0) return [];
  return [
    warn({
      read: `proxies refused ${Math.ceil(rejected)} configurations in ${window} s; 0 is the limit`,
      means:
        'a proxy that refuses what it is sent keeps what it had: new weights may not hold for all callers, on the way to the canary and on the way back',
      mend: `find the proxies (istioctl proxy-status: those that are not SYNCED) and why they refuse: ${istiodLogs(istiod, '10m')} | grep -i "ACK ERROR"`,
    }),
  ];
}

function slow(late: number | null, { window }: ProxySync, istiod: string): Judgement[] {
  if (late === null || late <= mostLate) return [];
  return [
    warn({
      read: `in ${window} s ${percentWords(late)} of changes took more than 30 s to reach the proxies; ${percentWords(mostLate)} is the limit`,
      means:
        'callers follow new weights late: a step is judged by traffic that it does not have yet, and going back takes as much longer',
      mend: `see what keeps istiod busy: kubectl -n ${istiod} top pod -l app=istiod; fewer hosts for each proxy (Sidecar resources) make it quicker`,
    }),
  ];
}

function percentWords(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(3))} %`;
}
