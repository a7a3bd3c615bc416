import { type Check, defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { bounded, error, orPass, refTo, unknown, warn } from '../judgement.ts';
import type { OtherCanary, VirtualService } from '../objects.ts';
import { nameOf } from '../select.ts';

/**
 * Flagger writes the VirtualService that is called as its Service, and Argo Rollouts those that its Rollout names; both
 * write back what they want whenever something differs.
 * Sources: https://docs.flagger.app/faq#istio-routing and
 * https://argo-rollouts.readthedocs.io/en/stable/features/traffic-management/istio/
 */
export const noOtherOwner: Check = defineCheck({
  id: 'PF-GO-02',
  title: 'Neither Flagger nor Argo Rollouts moves the same VirtualService',
  family: 'ownership',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['movedVirtualServices', 'otherCanaries'],
  judge: ({ movedVirtualServices: moved, otherCanaries }, subject) => {
    if (moved.length < subject.virtualServices.length) {
      return [unknown('not all VirtualServices of the target were found', 'mend PF-VS-01 first')];
    }
    const failures = moved.flatMap((object) => [
      ...otherCanaries.filter((one) => moves(one, object)).map((one) => claimed(object, one)),
      ...leftOverOwners(object, otherCanaries),
    ]);
    const names = moved.map(({ metadata }) => nameOf(metadata)).join(', ');
    return orPass(
      bounded(failures),
      `${names}: no owner of the kind Canary, and none of ${otherCanaries.length} Canaries and Rollouts names it`,
    );
  },
});

function moves(
  other: OtherCanary,
  { metadata: { namespace, name, ownerReferences } }: VirtualService,
): boolean {
  const { kind, metadata, spec } = other;
  if (kind === 'Canary') {
    const isOwner = (ownerReferences ?? []).some((one) => one.kind === kind && one.name === metadata.name);
    const service = spec.service?.name ?? spec.targetRef?.name;
    return metadata.namespace === namespace && (isOwner || service === name);
  }
  const istio = spec.strategy?.canary?.trafficRouting?.istio;
  const sole = istio?.virtualService?.name;
  const names = [...(sole ? [sole] : []), ...(istio?.virtualServices ?? []).map((one) => one.name)];
  return names.some((one) => placeOf(one, metadata.namespace ?? '') === `${namespace}/${name}`);
}

/** `name`, or `name.namespace`. */
function placeOf(name: string, namespace: string): string {
  const [first, second] = name.split('.');
  return `${second ?? namespace}/${first}`;
}

/** One that is suspended or goes away writes nothing: it is told, and keeps no rollout from starting. */
function claimed({ metadata }: VirtualService, { kind, metadata: other, spec }: OtherCanary): Failure {
  const tool = kind === 'Canary' ? 'Flagger' : 'Argo Rollouts';
  const resource = kind === 'Canary' ? 'canaries.flagger.app' : 'rollouts.argoproj.io';
  const command = `kubectl -n ${other.namespace} get ${resource} ${other.name} -o yaml`;
  const object = refTo('VirtualService', metadata);
  const isIdle = (kind === 'Canary' && spec.suspend === true) || Boolean(other.deletionTimestamp);
  if (isIdle) {
    const why = other.deletionTimestamp ? 'is being deleted' : 'is suspended';
    return warn({
      read: `the ${kind} ${nameOf(other)} of ${tool} moves ${nameOf(metadata)}, and ${why}`,
      means:
        'it writes nothing now; once it is resumed, or if it gives back what it found at its end, it takes the weights away from canaryd',
      mend: `when the service has moved to canaryd, delete it without what it owns: ${command.replace(' get ', ' delete ').replace(' -o yaml', ' --cascade=orphan')}`,
      object,
    });
  }
  return error({
    read: `the ${kind} ${nameOf(other)} of ${tool} moves ${nameOf(metadata)}`,
    means: `${tool} writes its own weights whenever others stand there: canaryd's are undone, and a rollback by one is a drift for the other`,
    mend: `let one of the two move it: take the VirtualService out of the ${kind}, or do not release this service by canaryd: ${command}`,
    object,
  });
}

/** An owner that no longer exists, as a migration may leave it. */
function leftOverOwners({ metadata }: VirtualService, others: readonly OtherCanary[]): Failure[] {
  const owners = (metadata.ownerReferences ?? []).filter(({ kind }) => kind === 'Canary');
  const gone = owners.filter(
    ({ name }) =>
      !others.some(
        (one) =>
          one.kind === 'Canary' &&
          one.metadata.namespace === metadata.namespace &&
          one.metadata.name === name,
      ),
  );
  return gone.map(({ name }) =>
    warn({
      read: `${nameOf(metadata)} is owned by the Canary ${name} of Flagger, which is not there any more`,
      means:
        'nobody writes its weights now; the reference is a left-over by which the cluster may delete the object, and all routes with it',
      mend: `take the reference away: kubectl -n ${metadata.namespace} patch virtualservice ${metadata.name} --type=json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'`,
      object: refTo('VirtualService', metadata),
      path: 'metadata.ownerReferences',
    }),
  );
}
