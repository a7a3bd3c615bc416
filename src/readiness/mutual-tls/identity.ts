import { defineCheck } from '../check.ts';
import { pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Deployment, Pod, PodSpec } from '../objects.ts';
import { hasLabels, podsOf } from '../select.ts';
import type { Arm } from '../snapshot.ts';

/**
 * A pod's certificate names its ServiceAccount, and policies of those that it calls name that.
 * Source: https://istio.io/latest/docs/concepts/security/#istio-identity
 */
export const identityIsTheSame = defineCheck({
  id: 'PF-MT-03',
  title: 'Stable and the canary have the same ServiceAccount',
  family: 'mutual-tls',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['deployments', 'pods'],
  judge: (seen, { stable, canary }) => {
    if (stable.podLabels === null || canary.podLabels === null) {
      return [skip('a destination has no pods in the cluster: it has no ServiceAccount')];
    }
    const ofStable = accountsOf(stable, seen);
    const ofCanary = accountsOf(canary, seen);
    const without = ofStable.length === 0 ? stable : ofCanary.length === 0 ? canary : null;
    if (without !== null) return [noWorkload(without)];
    if (ofStable.join() === ofCanary.join()) {
      return [pass(`both versions are ${accountWords(ofStable, stable)}`)];
    }
    return [otherIdentity({ stable, canary }, { ofStable, ofCanary }, seen.deployments)];
  },
});

type Seen = { deployments: Deployment[]; pods: Pod[] };

/** The accounts of the pods there are and of those that the Deployments will make, sorted. */
function accountsOf(arm: Arm, { deployments, pods }: Seen): string[] {
  const specs = [
    ...podsOf(arm, pods).map(({ spec }) => spec),
    ...deploymentsOf(arm, deployments).map(({ spec }) => spec.template.spec),
  ];
  return [...new Set(specs.map(accountOf))].toSorted();
}

function deploymentsOf({ service, podLabels }: Arm, deployments: readonly Deployment[]): Deployment[] {
  return deployments.filter(
    ({ metadata, spec }) =>
      metadata.namespace === service.namespace && hasLabels(spec.template.metadata?.labels, podLabels),
  );
}

/** Kubernetes gives the one that is called `default` to pods that name none. */
function accountOf({ serviceAccountName }: PodSpec): string {
  return serviceAccountName || 'default';
}

function noWorkload({ version, service }: Arm) {
  return unknown(
    `no Deployment and no pod of ${version} was found in ${service.namespace}`,
    `see that the workload is there: kubectl -n ${service.namespace} get deployments,pods --show-labels`,
  );
}

function otherIdentity(
  { stable, canary }: { stable: Arm; canary: Arm },
  { ofStable, ofCanary }: { ofStable: readonly string[]; ofCanary: readonly string[] },
  deployments: readonly Deployment[],
) {
  const deployment = deploymentsOf(canary, deployments)[0];
  const account = ofStable[0];
  const name = deployment?.metadata.name ?? canary.service.name;
  return warn({
    read: `${canary.version} runs as ${accountWords(ofCanary, canary)}, ${stable.version} as ${accountWords(ofStable, stable)}`,
    means: `to those that it calls the canary is somebody else: policies that allow stable's principal refuse it, so its requests fail with 403`,
    mend: `kubectl -n ${canary.service.namespace} set serviceaccount deployment/${name} ${account}; when the new identity is the change itself, see to it that PF-AZ-03 passes and waive this check`,
    ...(deployment === undefined
      ? {}
      : {
          object: refTo('Deployment', deployment.metadata),
          path: 'spec.template.spec.serviceAccountName',
        }),
  });
}

function accountWords(accounts: readonly string[], { service }: Arm): string {
  return `ServiceAccount ${accounts.map((account) => `${service.namespace}/${account}`).join(' and ')}`;
}
