import type { Fact, MeshCertificates, ProxyCertificates, Throttling } from '../readiness/snapshot.ts';
import type { Arm, Target } from '../rollout/target.ts';
import type { Answer, Row } from './answer.ts';
import { type ArmName, armOf } from './freshness.ts';
import { few, podOf } from './surroundings-calls.ts';
import { found, fromRows, scrapeProxies, unread } from './surroundings-facts.ts';
import { metricLabelOf, namespaceNames, namespacesOf } from './surroundings-queries.ts';

type Labels = Row['labels'];
type Pod = { pod: string; arm: ArmName };

/** The pods of both arms that the metrics name, by namespace and name; gaps for an arm of which there is none. */
export type ArmPods = { pods: ReadonlyMap<string, Pod>; gaps: string[] };

/** A pod that fits both arms, or none, is left out. */
export function armPods(rows: readonly Row[], target: Target): ArmPods {
  const pods = new Map<string, Pod>();
  for (const row of rows) {
    const pod = podOf(row.labels);
    const arm = armOfPod(row, target);
    if (pod !== null && arm !== null)
      pods.set(keyOf(row.labels, target[arm].service.namespace), { pod, arm });
  }
  const arms = (['stable', 'canary'] as const).filter((arm) => target[arm].podLabels !== null);
  const unseen = arms.filter((arm) => [...pods.values()].every((pod) => pod.arm !== arm));
  const gaps = unseen.map(
    (arm) => `no pod of the ${arm} ${target[arm].version} can be told by the labels that the metrics carry`,
  );
  return { pods, gaps };
}

function armOfPod(row: Row, target: Target): ArmName | null {
  if (row.labels['destination_version'] !== undefined) return armOf({ target }, row);
  const [isStable, isCanary] = [target.stable, target.canary].map((arm) => isOf(arm, row.labels));
  if (isStable === isCanary) return null;
  return isStable ? 'stable' : 'canary';
}

function isOf({ podLabels, service }: Arm, labels: Labels): boolean {
  const wanted = Object.entries(podLabels ?? {});
  return (
    wanted.length > 0 &&
    namespaceOf(labels) === service.namespace &&
    wanted.every(([key, value]) => {
      const name = metricLabelOf(key);
      return (labels[name] ?? labels[`label_${name}`]) === value;
    })
  );
}

function keyOf(labels: Labels, namespace: string): string {
  return `${namespaceOf(labels) ?? namespace}/${podOf(labels)}`;
}

function namespaceOf(labels: Labels): string | undefined {
  return namespaceNames.map((name) => labels[name]).find((value) => value !== undefined && value !== '');
}

function podIn({ pods }: ArmPods, { labels }: Row): Pod | undefined {
  return pods.get(keyOf(labels, ''));
}

/** Istio's own default, for a provider that does not tell how long certificates live. */
const defaultTtl = 86_400;

/**
 * How long the certificate of each proxy still holds. Absent is not expired: it is not known.
 * Source of the metric: https://istio.io/latest/docs/reference/commands/pilot-agent/
 */
export function proxyCertificatesFrom(
  rows: readonly Row[],
  ttl: Answer,
  known: ArmPods,
): Fact<ProxyCertificates> {
  if (rows.length === 0) {
    const why = "no series of istio_agent_cert_expiry_seconds: the agents' metrics are not scraped";
    return unread(why, scrapeProxies);
  }
  const pods = rows.flatMap((row) => {
    const pod = podIn(known, row);
    return pod === undefined ? [] : [{ ...pod, secondsLeft: row.value }];
  });
  const told = ttl.kind === 'rows' ? ttl.rows[0]?.value : undefined;
  const untold =
    told === undefined ? [`how long certificates live is not told: taken as Istio's 24 h by default`] : [];
  const named = new Set(pods.map(({ pod }) => pod));
  const silent = [...known.pods.values()].map(({ pod }) => pod).filter((pod) => !named.has(pod));
  const missing = silent.length === 0 ? [] : [`no istio_agent_cert_expiry_seconds of ${few(silent)}`];
  return found({ ttl: Math.round(told ?? defaultTtl), pods }, [...known.gaps, ...missing, ...untold]);
}

/** A proxy without a limit of CPU has no periods and cannot be throttled, as long as its CPU is measured at all. */
export function throttlingFrom(
  rows: readonly Row[],
  measured: Answer,
  { target, known }: { target: Target; known: ArmPods },
): Fact<Throttling> {
  const isMeasured = measured.kind === 'rows' && (measured.rows[0]?.value ?? 0) > 0;
  if (rows.length === 0 && measured.kind === 'failed') return unread(measured.why);
  if (rows.length === 0 && !isMeasured) {
    const where = namespacesOf(target).join(' and ');
    const why = `no series of container_cpu_cfs_periods_total for istio-proxy in ${where}: the kubelets' cAdvisor is not scraped`;
    return unread(why, 'let Prometheus scrape /metrics/cadvisor of the kubelets');
  }
  const ratios = rows.flatMap((row) => {
    const pod = podIn(known, row);
    return pod === undefined || !Number.isFinite(row.value) ? [] : [{ ...pod, ratio: row.value }];
  });
  return found(ratios, rows.length === 0 ? [] : known.gaps);
}

/** What is asked of istiod, one answer each. */
type MeshAnswers = { root: Answer; chain: Answer; changed: Answer; errors: Answer };

/** Without either expiry nothing is known: another certificate authority signs, or istiod is not scraped. */
export function meshCertificatesFrom({ root, chain, changed, errors }: MeshAnswers): Fact<MeshCertificates> {
  return fromRows(root, ([rootRow]) =>
    fromRows(chain, ([chainRow]) => {
      if (rootRow === undefined && chainRow === undefined) {
        const why =
          'no series of citadel_server_root_cert_expiry_seconds: istiod is not scraped, or another authority signs';
        return unread(why, 'let Prometheus scrape port 15014 of istiod');
      }
      const value = {
        rootNotAfter: millisOf(rootRow),
        chainNotAfter: millisOf(chainRow),
        rootChangedAt: millisOf(rowOf(changed)),
        signingErrors: countOf(rowOf(errors)),
      };
      return found(value, [...gapOf('a change of the root', changed), ...gapOf('signing errors', errors)]);
    }),
  );
}

function rowOf(answer: Answer): Row | undefined {
  return answer.kind === 'rows' ? answer.rows[0] : undefined;
}

function gapOf(what: string, answer: Answer): string[] {
  return answer.kind === 'failed' ? [`${what}: ${answer.why}`] : [];
}

function millisOf(row: Row | undefined): number | null {
  return row === undefined ? null : Math.round(row.value * 1000);
}

/** Part of a failure is one. */
function countOf(row: Row | undefined): number | null {
  return row === undefined ? null : Math.ceil(row.value);
}
