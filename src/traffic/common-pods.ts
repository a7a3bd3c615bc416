import type { Arm } from '../rollout/target.ts';
import type { Kube } from './kube.ts';
import type { Roles } from './roles.ts';
import { type Misshapen, misshapen } from './virtual-service.ts';
import { labelsOfBoth, servingPods } from './workload.ts';

/**
 * The refusal of two destinations behind which the same pod stands: it would serve the canary's requests at every
 * weight. Labels alone often tell that there is no such pod; otherwise the pods themselves are asked for. Null also
 * when they cannot be read.
 */
export async function findCommonPod(
  kube: Pick<Kube, 'listPods'>,
  { canary: { at } }: Pick<Roles, 'canary'>,
  { stable, canary }: { stable: Arm; canary: Arm },
  signal: AbortSignal,
): Promise<Misshapen | null> {
  const { namespace } = canary.service;
  if (stable.podLabels === null || canary.podLabels === null) return null;
  const labels = labelsOfBoth(stable.podLabels, canary.podLabels);
  if (labels === null || namespace !== stable.service.namespace) return null;
  const pods = await kube.listPods(namespace, labels, signal);
  const [common] = pods.kind === 'found' ? servingPods(pods.value, labels) : [];
  if (common === undefined) return null;
  const { name = 'without a name' } = common.metadata;
  const message = `the pod ${name} stands behind both destinations, stable (${inWords(stable)}) and canary (${inWords(canary)}), so it would serve requests of both at every weight: give them labels that no pod bears all of`;
  return misshapen(
    'unsupported-shape',
    [...at, 'destination', canary.subset === null ? 'host' : 'subset'],
    message,
  );
}

function inWords({ podLabels }: Arm): string {
  return Object.entries(podLabels ?? {})
    .map(([label, value]) => `${label}=${value}`)
    .join(', ');
}
