import { imageIdOf } from './containers.ts';
import { type Json, type JsonObject, textAt } from './json.ts';

type Lifetime = { ip: string; ready: boolean; restarts: number };

/** What the kubelet says of a pod: all its containers are as ready as it is. `since` is when that became so. */
export function podStatus(
  pod: Lifetime,
  { init, containers }: { init: readonly JsonObject[]; containers: readonly JsonObject[] },
  since: Date,
): JsonObject {
  const at = since.toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = (type: string, isTrue: boolean) => ({
    type,
    status: isTrue ? 'True' : 'False',
    lastTransitionTime: at,
  });
  return {
    phase: 'Running',
    podIP: pod.ip,
    podIPs: [{ ip: pod.ip }],
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', pod.ready),
      condition('Ready', pod.ready),
    ],
    initContainerStatuses: init.map((one) =>
      textAt(one, 'restartPolicy') === 'Always' ? running(one, pod, at) : completed(one, at),
    ),
    containerStatuses: containers.map((one) => running(one, pod, at)),
  };
}

function running(container: JsonObject, { ready, restarts }: Lifetime, at: string): JsonObject {
  const exited = { terminated: { reason: 'Error', exitCode: 1, finishedAt: at } };
  const state: Json = ready ? { running: { startedAt: at } } : { waiting: { reason: 'CrashLoopBackOff' } };
  return {
    ...named(container),
    ready,
    started: ready,
    restartCount: restarts,
    lastState: ready && restarts === 0 ? {} : exited,
    state,
  };
}

function completed(container: JsonObject, at: string): JsonObject {
  const state = { terminated: { reason: 'Completed', exitCode: 0, finishedAt: at } };
  return { ...named(container), ready: true, started: false, restartCount: 0, lastState: {}, state };
}

function named(container: JsonObject): JsonObject {
  const image = textAt(container, 'image');
  return { name: textAt(container, 'name'), image, imageID: imageIdOf(image) };
}
