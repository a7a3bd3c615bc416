import { defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { bounded, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Deployment } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Arm, Subject } from '../snapshot.ts';
import { deploymentsOf } from './deployments.ts';
import { type Difference, differencesOf } from './template-aspects.ts';

export const likeForLike = defineCheck({
  id: 'PF-WL-02',
  title: 'both versions run with the same resources, probes, JVM flags and nodes',
  family: 'workload',
  priority: 'P2',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['deployments'],
  judge: ({ deployments }, subject) => judge(deployments, subject),
});

function judge(deployments: readonly Deployment[], { stable, canary }: Subject): Judgement[] {
  if (stable.podLabels === null || canary.podLabels === null) {
    return [skip('a version without pods in this cluster has no pod template to compare')];
  }
  const [theirs, mine] = [deploymentsOf(stable, deployments), deploymentsOf(canary, deployments)];
  const [before, after] = [theirs[0], mine[0]];
  if (theirs.length !== 1 || before === undefined) return [notOne(stable, theirs)];
  if (mine.length !== 1 || after === undefined) return [notOne(canary, mine)];
  const differences = differencesOf(before.spec.template.spec, after.spec.template.spec);
  const failures = differences.map((one) => unlike(one, before, after));
  return orPass(
    bounded(failures),
    `Deployments ${nameOf(before.metadata)} and ${nameOf(after.metadata)} have the same requests, limits, probes, JVM flags, node pool and zone spread`,
  );
}

function notOne({ version, service }: Arm, found: readonly Deployment[]): Judgement {
  const kubectl = `kubectl -n ${service.namespace}`;
  const names = found.map(({ metadata }) => metadata.name).join(', ');
  return found.length === 0
    ? unknown(
        `${version} has no Deployment in ${service.namespace}: its pod template is not known`,
        `compare by hand: ${kubectl} get pods -o yaml`,
      )
    : unknown(
        `${version} is made of several Deployments (${names}): which one to compare is not known`,
        `compare by hand: ${kubectl} get deployments ${found.map(({ metadata }) => metadata.name).join(' ')} -o yaml`,
      );
}

function unlike({ what, path, stable, canary }: Difference, before: Deployment, after: Deployment) {
  const [one, other] = [before.metadata.name, after.metadata.name];
  return warn({
    read: `${what}: ${canary} in Deployment ${nameOf(after.metadata)}, ${stable} in ${nameOf(before.metadata)}`,
    means:
      'the versions do not run alike: what differs in errors and latency may come from this and not from the new code',
    mend: `make it the same, or waive this if it is the change itself: diff <(kubectl -n ${before.metadata.namespace} get deployment ${one} -o yaml) <(kubectl -n ${after.metadata.namespace} get deployment ${other} -o yaml)`,
    object: refTo('Deployment', after.metadata),
    path,
  });
}
