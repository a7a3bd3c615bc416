import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { TurnEnd } from './rollout/advance.ts';
import type { Orphan } from './rollout/orphans.ts';
import type { Rollouts } from './rollout/ports/store.ts';
import { isScheduled, liveStatuses, type Rollout, statusOf } from './rollout/rollout.ts';

export type Telemetry = {
  countTurn(end: TurnEnd | 'failed'): void;
  /** The splits that no rollout watches, instead of those before. */
  showOrphans(orphans: readonly Orphan[]): void;
  /** All metrics in Prometheus' text format. Without the database those of rollouts are left out, and one says so. */
  text(): Promise<string>;
};

const labels = ['namespace', 'virtual_service', 'canary', 'rollout'] as const;

/** The metrics of this process and of every live rollout. */
export function telemetry(rollouts: Pick<Rollouts, 'list' | 'quarantined'>): Telemetry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const turns = new Counter({
    name: 'canaryd_turns_total',
    help: 'Turns by how they ended.',
    labelNames: ['end'],
    registers: [registry],
  });
  const quarantined = new Gauge({
    name: 'canaryd_rollouts_quarantined',
    help: 'Rollouts whose turns fail again and again: somebody must look at them.',
    registers: [registry],
  });
  const orphanSplits = new Gauge({
    name: 'canaryd_orphan_splits',
    help: '1 for each split that no rollout watches; only the worker that looks for them has any.',
    labelNames: ['cluster', 'namespace', 'virtual_service'],
    registers: [registry],
  });
  const databaseUp = databaseGauge(registry);
  const gauges = rolloutGauges(registry);

  async function ask(): Promise<void> {
    const live = await rollouts.list({ statuses: liveStatuses, limit: 200 });
    quarantined.set(await rollouts.quarantined());
    for (const rollout of live) if (!isScheduled(rollout)) show(gauges, rollout);
  }

  return {
    countTurn: (end) => turns.inc({ end }),
    showOrphans: (orphans) => {
      orphanSplits.reset();
      for (const { split } of orphans) {
        const { cluster, namespace, virtualService: virtual_service } = split;
        orphanSplits.set({ cluster, namespace, virtual_service }, 1);
      }
    },
    text: async () => {
      for (const gauge of Object.values(gauges)) gauge.reset();
      quarantined.remove();
      // What tells of a lost database must not be lost with it.
      const isUp = await ask().then(
        () => 1,
        () => 0,
      );
      databaseUp.set(isUp);
      return registry.metrics();
    },
  };
}

function databaseGauge(registry: Registry): Gauge {
  return new Gauge({
    name: 'canaryd_database_up',
    help: '1 when the database answered this scrape; with 0 everything about rollouts is left out.',
    registers: [registry],
  });
}

type Gauges = { weight: Gauge; status: Gauge; value: Gauge };

function rolloutGauges(registry: Registry): Gauges {
  const gauge = (name: string, help: string, own: string[]): Gauge =>
    new Gauge({ name, help, labelNames: [...labels, ...own], registers: [registry] });
  return {
    weight: gauge('canary_weight', "The canary's share in percent, as asked for and as read back.", ['kind']),
    status: gauge('canary_status', '1 for the status that a live rollout has.', ['status']),
    value: gauge('canary_check_value', 'Last value of a check: a ratio 0..1, or milliseconds.', [
      'check',
      'arm',
    ]),
  };
}

function show({ weight, status, value }: Gauges, rollout: Rollout): void {
  const { id, target, traffic, watch } = rollout;
  const { namespace, virtualService: virtual_service } = target;
  const named = { namespace, virtual_service, canary: target.canary.version, rollout: id };
  weight.set({ ...named, kind: 'desired' }, traffic.desired);
  weight.set({ ...named, kind: 'applied' }, traffic.applied);
  status.set({ ...named, status: statusOf(rollout) }, 1);
  for (const [check, { canary, stable }] of Object.entries(watch.results)) {
    if (canary.kind === 'value') value.set({ ...named, check, arm: 'canary' }, canary.value);
    if (stable.kind === 'value') value.set({ ...named, check, arm: 'stable' }, stable.value);
  }
}
