import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { orPass, unknown, warn } from '../judgement.ts';
import type { ProxySync } from '../snapshot.ts';

/** Seconds from a change until it is everywhere, which a large mesh may take. */
const slowest = 30;

/**
 * istiod's own counters: what proxies refused, and how long a change takes. It shows no counter of refusals before the
 * first one. Source: https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics
 */
export const proxiesSynced = defineCheck({
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
    const seconds = soundOf(proxySync.convergenceSeconds);
    if (rejected === null && seconds === null) return [silent(proxySync)];
    const failures = [...refused(rejected, proxySync), ...slow(seconds, proxySync)];
    const pace =
      seconds === null ? 'nothing was pushed' : `99 % of changes arrived within ${spanWords(seconds)}`;
    return orPass(failures, `in ${proxySync.window} s no proxy refused its configuration, and ${pace}`);
  },
});

function soundOf(value: number | null): number | null {
  return value === null || Number.isNaN(value) ? null : value;
}

function silent({ window }: ProxySync): Judgement {
  return unknown(
    `istiod tells of no push to proxies in ${window} s`,
    'have Prometheus scrape istiod (port 15014): pilot_proxy_convergence_time_bucket and pilot_total_xds_rejects',
  );
}

function refused(rejected: number | null, { window }: ProxySync): Judgement[] {
  if (rejected === null || rejected <= 0) return [];
  return [
    warn({
      read: `proxies refused ${Math.ceil(rejected)} configurations in ${window} s; 0 is the limit`,
      means:
        'a proxy that refuses what it is sent keeps what it had: new weights may not hold for all callers, on the way to the canary and on the way back',
      mend: 'find the proxies (istioctl proxy-status: those that are not SYNCED) and why they refuse: kubectl -n istio-system logs deploy/istiod --since=10m | grep -i "ACK ERROR"',
    }),
  ];
}

function slow(seconds: number | null, { window }: ProxySync): Judgement[] {
  if (seconds === null || seconds <= slowest) return [];
  return [
    warn({
      read: `in ${window} s 99 % of changes reached the proxies within ${spanWords(seconds)}; ${slowest} s is the limit`,
      means:
        'callers follow new weights late: a step is judged by traffic that it does not have yet, and going back takes as much longer',
      mend: 'see what keeps istiod busy: kubectl -n istio-system top pod -l app=istiod; fewer hosts for each proxy (Sidecar resources) make it quicker',
    }),
  ];
}

function spanWords(seconds: number): string {
  return seconds === Infinity ? 'a time that no bucket counts' : `${Number(seconds.toPrecision(3))} s`;
}
