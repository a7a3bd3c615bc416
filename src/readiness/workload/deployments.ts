import type { Autoscaler, Deployment } from '../objects.ts';
import { hasLabels } from '../select.ts';
import type { Arm } from '../snapshot.ts';

/** The Deployments whose pods are those of an arm. */
export function deploymentsOf({ service, podLabels }: Arm, deployments: readonly Deployment[]): Deployment[] {
  if (podLabels === null) return [];
  return deployments.filter(
    ({ metadata, spec }) =>
      metadata.namespace === service.namespace && hasLabels(spec.template.metadata?.labels, podLabels),
  );
}

/** The HorizontalPodAutoscalers that scale these Deployments. */
export function autoscalersOf(
  deployments: readonly Deployment[],
  autoscalers: readonly Autoscaler[],
): Autoscaler[] {
  return autoscalers.filter(({ metadata, spec }) =>
    deployments.some(
      (one) =>
        one.metadata.namespace === metadata.namespace &&
        spec.scaleTargetRef.kind === 'Deployment' &&
        spec.scaleTargetRef.name === one.metadata.name,
    ),
  );
}
