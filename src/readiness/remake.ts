import type { Pod } from './objects.ts';

/**
 * The command that makes the pods of this one's kind anew. The Deployment's name is that of the ReplicaSet without the
 * hash of the pod template:
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
 */
export function remake({ metadata }: Pod): string {
  const kubectl = `kubectl -n ${metadata.namespace ?? 'default'}`;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  switch (owner?.kind) {
    case 'ReplicaSet':
      return `${kubectl} rollout restart deployment/${owner.name.replace(/-[^-]*$/, '')}`;
    case 'StatefulSet':
    case 'DaemonSet':
      return `${kubectl} rollout restart ${owner.kind.toLowerCase()}/${owner.name}`;
    default:
      return `${kubectl} delete pod ${metadata.name}`;
  }
}
