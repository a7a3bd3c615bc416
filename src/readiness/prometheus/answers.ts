import { defineCheck } from '../check.ts';
import { error, info, pass, unknown } from '../judgement.ts';

/** Beyond this the windows of two clocks no longer overlap enough to compare. */
const maxOffset = 30;
const maxSeconds = 2;

export const answersInTime = defineCheck({
  id: 'PF-PR-01',
  title: 'Prometheus answers, and its clock is within 30 s',
  family: 'prometheus',
  priority: 'P0',
  codes: [],
  again: true,
  severity: 'error',
  needs: ['provider'],
  judge: ({ provider: { clockOffset, seconds } }, { canary }) => {
    if (!Number.isFinite(clockOffset)) {
      return [
        unknown(
          'Prometheus answered, but did not tell its time',
          'ask it: promtool query instant <address> "time()"',
        ),
      ];
    }
    const offset = `${tenths(Math.abs(clockOffset))} s ${clockOffset < 0 ? 'behind' : 'ahead of'} canaryd's database`;
    if (Math.abs(clockOffset) <= maxOffset) {
      return [pass(`Prometheus answered in ${seconds} s, and its clock is ${offset}`)];
    }
    return [
      error({
        read: `the clock of Prometheus is ${offset}; ${maxOffset} s is the limit`,
        means: `the windows of the checks would miss the newest requests or hold those from before a change of the weight: nothing that is measured of ${canary.version} may be believed`,
        mend: 'synchronise the clocks of both hosts; on each: chronyc tracking, or timedatectl timesync-status',
      }),
    ];
  },
});

export const queriesAreCheap = defineCheck({
  id: 'PF-PR-08',
  title: 'Prometheus answers a query within 2 s',
  family: 'prometheus',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'info',
  needs: ['provider'],
  judge: ({ provider: { seconds } }, { canary }) => {
    if (!Number.isFinite(seconds)) {
      return [unknown('nobody measured how long Prometheus takes for a query', 'ask again')];
    }
    if (seconds < maxSeconds) return [pass(`Prometheus answered in ${seconds} s; 2 s is the limit`)];
    return [
      info({
        read: `Prometheus took ${tenths(seconds)} s for a query; ${maxSeconds} s is the limit`,
        means: `each poll of the canary waits for it: a fault of ${canary.version} is seen that much later`,
        mend: 'look at what else it is asked (the panel of prometheus_engine_query_duration_seconds), or let it record the series of this service by a rule',
      }),
    ];
  },
});

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
