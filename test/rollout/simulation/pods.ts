import type { Images, Readiness } from '../../../src/rollout/ports/mesh.ts';

export type Pod = { build: string; template: string; ready: boolean };
type Release = { build: string; template: string };

/** The pods of one arm, replaced one after the other whenever its workload is released anew. */
export function workload(build: string) {
  const wanted: Release = { build, template: `${build}-1` };
  const pods: Pod[] = [0, 1].map(() => ({ ...wanted, ready: true }));
  let releases = 1;

  const isOld = ({ template }: Pod) => template !== wanted.template;

  return {
    pods: (): Pod[] => pods.map((pod) => ({ ...pod })),
    build: () => wanted.build,
    /** A new pod template: the same build is a restart. */
    release(next: string): void {
      releases += 1;
      wanted.build = next;
      wanted.template = `${next}-${releases}`;
    },
    /** One step of a rolling update: a new pod becomes ready, or an old one makes way for a new one. */
    rollOn(startsReady: boolean): void {
      const starting = pods.find((pod) => !pod.ready);
      if (starting !== undefined) starting.ready = true;
      else replaceOne(startsReady);
    },
    /** The update is over. */
    settle(): void {
      for (const pod of pods) Object.assign(pod, wanted, { ready: true });
    },
  };

  function replaceOne(ready: boolean): void {
    const old = pods.find(isOld);
    if (old !== undefined) Object.assign(old, wanted, { ready });
  }
}

/** As the mesh shows it. */
export function imagesIn(pods: Pod[]): Images {
  return {
    kind: 'known',
    pods: pods.map(({ build, template, ready }) => ({
      templateHash: template,
      ready,
      digests: digestsOf(build),
    })),
  };
}

export function readinessIn(pods: Pod[]): Readiness {
  return { kind: 'known', ready: pods.filter(({ ready }) => ready).length, total: pods.length };
}

export function digestsOf(build: string): Record<string, string> {
  return { app: `sha256:${build}` };
}
