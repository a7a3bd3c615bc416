import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Container, Pod } from '../objects.ts';
import { remake } from '../remake.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Arm, Subject } from '../snapshot.ts';

export const imagesAreFixed = defineCheck({
  id: 'PF-WL-03',
  title: 'every pod of the canary runs one image, named by its digest',
  family: 'workload',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['pods'],
  judge: ({ pods }, subject) => judge(pods, subject),
});

function judge(all: readonly Pod[], { canary, requirements }: Subject): Judgement[] {
  if (canary.podLabels === null)
    return [skip(`${canary.version} (${canary.host}) has no pods in this cluster`)];
  const pods = podsOf(canary, all);
  if (pods.length === 0) {
    const read = `${canary.version} has no pod in ${canary.service.namespace}: its image is not known`;
    return [unknown(read, `start at least one pod of ${canary.version} and ask again`)];
  }
  const names = [...new Set(pods.flatMap((pod) => own(pod).map(({ name }) => name)))];
  const failures = names.flatMap((name) => [
    ...untold(name, pods, requirements.imageDigests),
    ...mixed(name, pods, canary.version),
  ]);
  const unseen = names.filter((name) => buildsOf(name, pods).size === 0);
  const judgements = [...bounded(failures), ...unseen.map((name) => notKnown(name, pods, canary))];
  return orPass(judgements, `${pods.length} pods of ${canary.version} run ${imageWords(pods)}`);
}

/** The proxy's image is the mesh's: PF-SC-03 looks at it. */
function own({ spec }: Pod): Container[] {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  return all.filter(({ name }) => !meshContainers.has(name));
}

const meshContainers = new Set(['istio-proxy', 'istio-init', 'istio-validation', 'grpc-bootstrap-init']);

function imageOf(pod: Pod, name: string): string[] {
  return own(pod).flatMap((one) => (one.name === name && one.image ? [one.image] : []));
}

function hasDigest(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image);
}

function untold(name: string, pods: readonly Pod[], isRequired: boolean): Failure[] {
  const named = pods.flatMap((pod) => imageOf(pod, name).map((image) => ({ pod, image })));
  const byTag = named.find(({ image }) => !hasDigest(image));
  if (byTag === undefined) return [];
  const { pod, image } = byTag;
  const weigh = isRequired ? error : warn;
  const digest = runningDigest(pod, name);
  return [
    weigh({
      read: `container ${name} of Pod ${nameOf(pod.metadata)} names its image by tag: ${image}${waitingWords(name, pods)}`,
      means:
        'a tag may be moved to another build at any time: a pod that is made during the rollout may run what nobody looked at or approved',
      mend: `name it by digest in the pod template, and compare the digest with the change record${digest === null ? '' : `: ${withoutTag(image)}@${digest} runs now`}`,
      object: refTo('Pod', pod.metadata),
      path: 'spec.containers',
    }),
  ];
}

function withoutTag(image: string): string {
  return image.replace(/:[^:/]*$/, '');
}

/** Of a repository digest alone: what some nodes report instead is a digest of another thing. */
function runningDigest({ status }: Pod, name: string): string | null {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const id = statuses.find((one) => one.name === name)?.imageID ?? '';
  return /@(sha256:[0-9a-f]{64})$/.exec(id)?.[1] ?? null;
}

function mixed(name: string, pods: readonly Pod[], version: string): Failure[] {
  const builds = buildsOf(name, pods);
  const [first, second] = builds.values();
  if (first === undefined || second === undefined) return [];
  const [one, other] = [first, second].map(({ pod, digest }) => `${digest} in Pod ${nameOf(pod.metadata)}`);
  return [
    error({
      read: `pods of ${version} run ${builds.size} builds of container ${name}: ${one}, ${other}`,
      means: `users and metrics cannot tell these apart: a verdict on ${version} would be one on a mixture`,
      mend: `wait until its Deployment is rolled out, or make its pods anew: ${remake(first.pod)}`,
      object: refTo('Pod', second.pod.metadata),
      path: 'spec.containers',
    }),
  ];
}

type Build = { digest: string; pod: Pod };

/** What is run of a container, each with the last pod that runs it. */
function buildsOf(name: string, pods: readonly Pod[]): Map<string, Build> {
  const builds = pods.flatMap((pod) => {
    const digest = digestOf(pod, name);
    return digest === null ? [] : [[digest, { digest, pod }] as const];
  });
  return new Map(builds);
}

/** By the pod itself, or behind a tag by its node, which knows it once the image is there. */
function digestOf(pod: Pod, name: string): string | null {
  const named = imageOf(pod, name).map((image) => /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1] ?? null);
  return named[0] ?? runningDigest(pod, name);
}

function waitingWords(name: string, pods: readonly Pod[]): string {
  const waiting = pods.filter((pod) => imageOf(pod, name).length > 0 && digestOf(pod, name) === null);
  return waiting.length === 0
    ? ''
    : `; which build ${waiting.length} of ${pods.length} pods run is not known yet`;
}

function notKnown(name: string, pods: readonly Pod[], { version, service }: Arm): Judgement {
  const look = `kubectl -n ${service.namespace} get pods ${pods
    .slice(0, 5)
    .map(({ metadata }) => metadata.name)
    .join(' ')}`;
  return unknown(
    `no digest is known yet for container ${name} in any of ${pods.length} pods of ${version}: which build they run is not known`,
    `wait until they run, or name the image by digest in the pod template: ${look}`,
  );
}

function imageWords(pods: readonly Pod[]): string {
  const images = pods.flatMap((pod) => own(pod).map(({ image }) => image ?? 'no image'));
  return [...new Set(images)].toSorted().join(' and ');
}
