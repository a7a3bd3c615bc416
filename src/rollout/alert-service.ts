import type { ClusterUnknown } from './locate.ts';
import type { ReceivedAlerts, ToldAlert } from './ports/alerts.ts';
import type { Actor } from './reasons.ts';

export type AlertDeps = { received: ReceivedAlerts; clusters: readonly string[] };

type ReceiveAnswer = { kind: 'received'; cluster: string; alerts: number; isNew: number } | ClusterUnknown;

/** Takes what an Alertmanager sends. */
export interface AlertService {
  /** Writes alerts of a cluster down; null is the only one there is. */
  receive(asked: string | null, alerts: readonly ToldAlert[], by: Actor): Promise<ReceiveAnswer>;
}

/** Wires the alerts that are sent; only a lost database throws. */
export function alertService({ received, clusters }: AlertDeps): AlertService {
  return {
    receive: async (asked, alerts, by) => {
      const cluster = asked ?? (clusters.length === 1 ? clusters[0] : undefined);
      if (cluster === undefined || !clusters.includes(cluster))
        return { kind: 'clusterUnknown', asked, clusters };
      const isNew = await received.receive({ cluster, by, alerts });
      return { kind: 'received', cluster, alerts: alerts.length, isNew };
    },
  };
}
