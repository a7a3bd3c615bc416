import { AppError } from '../errors.ts';
import { clusterFacts, nothingRead } from '../readiness/sources.ts';
import type { Mesh, MeshFailure } from '../rollout/ports/mesh.ts';
import type { Marks } from '../rollout/ports/orphans.ts';
import type { Surroundings } from '../rollout/ports/readiness.ts';
import { unavailable } from './api-answer.ts';
import { istioMesh } from './istio.ts';
import { connectKube, type Kube } from './kube.ts';
import type { KubeSource } from './kube-connection.ts';
import { markedIn } from './marks.ts';
import { nothingRead as noOtherRoutes } from './other-routes.ts';
import { type Reader, surroundingsOf } from './surroundings.ts';
import { mends, unread } from './surroundings-words.ts';
import { type WatchedKube, watchKube } from './watched-kube.ts';
import { realClock } from './watched-list.ts';

/** A cluster of the configuration. `rootNamespace` is where istiod runs, `istio-system` when left out. */
export type ClusterAddress = {
  name: string;
  source: KubeSource;
  clusterDomain: string;
  rootNamespace?: string;
};

/** Where an adapter reports what it survived. */
export type Reports = Record<'info' | 'warn', (fields: Record<string, unknown>, message: string) => void>;

/** Whether the API answers; `why` says what is missing, which may be a thing that turns do without. */
type Answers = { ok: true; why?: string } | { ok: false; why: string };

export type Clusters = {
  /** Sends each question to the cluster that it names; none ever gets another cluster's. */
  mesh: Mesh;
  marks: Marks;
  /** What stands around a target in its cluster. Turns have calls of their own, which no number of readers takes. */
  surroundings: Record<Reader, Surroundings['ofCluster']>;
  /** Whether each cluster's API answers, by name. */
  ready(signal: AbortSignal): Promise<Record<string, Answers>>;
  close(): Promise<void>;
};

/**
 * Opens the clusters, each with connections of its own. With several, one whose credentials cannot be read is reported,
 * is unavailable, and is tried again by each question that concerns it.
 * @throws AppError `configuration` when the credentials of the only cluster cannot be read
 */
export async function openClusters(addresses: readonly ClusterAddress[], log: Reports): Promise<Clusters> {
  const members = new Map(addresses.map((address) => [address.name, memberOf(address, log)]));
  const openings = await Promise.all([...members.values()].map((member) => member.open()));
  const [only] = openings;
  if (openings.length === 1 && only?.kind === 'broken') throw new AppError('configuration', only.failure.why);
  return {
    mesh: routedMesh(async (name, signal) => {
      const opening = await openOne(members.get(name), name, signal);
      return opening.kind === 'open' ? opening.mesh : opening;
    }),
    marks: {
      marked: async (cluster, namespaces, signal) => {
        const opening = await openOne(members.get(cluster), cluster, signal);
        return opening.kind === 'open' ? markedIn({ cluster, ...opening }, namespaces, signal) : opening;
      },
    },
    surroundings: { turns: surroundingsFor(members, 'turns'), readers: surroundingsFor(members, 'readers') },
    ready: async (signal) => {
      const answers = [...members].map(
        async ([name, member]) => [name, await readyOf(member, signal)] as const,
      );
      return Object.fromEntries(await Promise.all(answers));
    },
    close: async () => {
      await Promise.allSettled([...members.values()].map((member) => member.close()));
    },
  };
}

function surroundingsFor(members: ReadonlyMap<string, Member>, reader: Reader): Surroundings['ofCluster'] {
  return async (question, signal) => {
    const { cluster } = question.target;
    const opening = await openOne(members.get(cluster), cluster, signal);
    return opening.kind === 'open'
      ? opening.surroundings[reader](question, signal)
      : nothingRead(clusterFacts, unread(opening.why, mends[opening.reason]));
  };
}

type OpenCluster = {
  kind: 'open';
  mesh: Mesh;
  surroundings: Clusters['surroundings'];
  kube: Kube;
  watched: WatchedKube;
  clusterDomain: string;
};
type ClusterOpening = OpenCluster | { kind: 'broken'; failure: MeshFailure };

type Member = {
  /** Opens the cluster unless it is open; those who ask at the same time share one try. */
  open(): Promise<ClusterOpening>;
  close(): Promise<void>;
};

function memberOf(address: ClusterAddress, log: Reports): Member {
  let opening: Promise<ClusterOpening> | null = null;
  let reported: string | null = null;

  async function tryOnce(): Promise<ClusterOpening> {
    const opened = await openAddress(address, log);
    if (opened.kind === 'open') {
      if (reported !== null) log.info({ cluster: address.name }, 'a cluster can be used again');
      reported = null;
      return opened;
    }
    opening = null;
    const { why } = opened.failure;
    if (reported !== why)
      log.warn({ cluster: address.name, why }, 'a cluster cannot be used: it is tried again');
    reported = why;
    return opened;
  }

  return {
    open: () => {
      opening ??= tryOnce();
      return opening;
    },
    close: async () => {
      const opened = await opening;
      if (opened?.kind !== 'open') return;
      opened.watched.close();
      await opened.kube.close();
    },
  };
}

async function openAddress(
  { name, source, clusterDomain, rootNamespace = 'istio-system' }: ClusterAddress,
  log: Reports,
): Promise<ClusterOpening> {
  try {
    const kube = await connectKube(source);
    const watched = watchKube(kube, {
      clock: realClock,
      denied: (resource, namespace, why) =>
        log.info(
          { cluster: name, resource, namespace, why },
          'a watch is not allowed: every turn reads for itself',
        ),
    });
    const mesh = istioMesh(kube, { clusterDomain, watched });
    const surroundings = surroundingsOf({ kube, clusterDomain, rootNamespace });
    return { kind: 'open', kube, watched, clusterDomain, mesh, surroundings };
  } catch (error) {
    const why = error instanceof AppError ? error.message : 'the credentials cannot be read';
    return { kind: 'broken', failure: unavailable('unauthorized', why) };
  }
}

async function openOne(
  member: Member | undefined,
  name: string,
  signal: AbortSignal,
): Promise<OpenCluster | MeshFailure> {
  if (member === undefined) return notConfigured(name);
  const opening = await openedIn(member, signal);
  if (opening === null)
    return unavailable('timeout', `the credentials of the cluster ${name} were not read in time`);
  return opening.kind === 'open' ? opening : opening.failure;
}

/** A rollout outlives the configuration that it was started with. */
function notConfigured(name: string): MeshFailure {
  const mend = 'put it back under its name and restart canaryd, or move the weights by hand';
  return unavailable(
    'unreachable',
    `the cluster ${name} is not in the configuration of canaryd any more: ${mend}`,
  );
}

async function readyOf(member: Member, signal: AbortSignal): Promise<Answers> {
  const opening = await openedIn(member, signal);
  if (opening === null) return { ok: false, why: 'no answer in time' };
  // Anybody may read this: which file it is stays in the log.
  if (opening.kind === 'broken')
    return { ok: false, why: 'its credentials cannot be read: the log says why' };
  const read = await opening.kube.readVersion(signal);
  if (read.kind === 'found') return { ok: true, ...saysCold(opening.watched.counts()) };
  return { ok: false, why: read.kind === 'missing' ? 'the API server does not know its version' : read.why };
}

function saysCold({ watched, cold }: { watched: number; cold: number }): { why?: string } {
  if (cold === 0) return {};
  return { why: `${cold} of ${watched} lists are not watched now: turns there read for themselves` };
}

/** Waits for an opening until `signal` aborts; null when that came first. */
async function openedIn(member: Member, signal: AbortSignal): Promise<ClusterOpening | null> {
  let stop = () => {};
  const aborted = new Promise<null>((settle) => {
    stop = () => settle(null);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([member.open(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function routedMesh(openCluster: (name: string, signal: AbortSignal) => Promise<Mesh | MeshFailure>): Mesh {
  const routed =
    <Answer>(ask: (mesh: Mesh) => Promise<Answer>) =>
    async (name: string, signal: AbortSignal): Promise<Answer | MeshFailure> => {
      const found = await openCluster(name, signal);
      return 'kind' in found ? found : ask(found);
    };
  return {
    resolve: (request, signal, managed) =>
      routed((mesh) => mesh.resolve(request, signal, managed))(request.cluster, signal),
    look: (target, signal, options) =>
      routed((mesh) => mesh.look(target, signal, options))(target.cluster, signal),
    survey: (name, signal) => routed((mesh) => mesh.survey(name, signal))(name.cluster, signal),
    write: (target, view, write, signal) =>
      routed((mesh) => mesh.write(target, view, write, signal))(target.cluster, signal),
    rehearse: async (target, view, write, signal) => {
      const found = await openCluster(target.cluster, signal);
      return 'kind' in found
        ? { kind: 'unknown', why: found.why }
        : found.rehearse(target, view, write, signal);
    },
    otherRoutes: async (target, signal) => {
      const found = await openCluster(target.cluster, signal);
      return 'kind' in found ? noOtherRoutes(found.why) : found.otherRoutes(target, signal);
    },
    preview: (request, writes, signal) =>
      routed((mesh) => mesh.preview(request, writes, signal))(request.cluster, signal),
  };
}
