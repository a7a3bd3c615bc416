import type { Mesh, MeshFailure, MeshName, Survey } from './ports/mesh.ts';
import type { TargetQuery, TargetRecord, TargetRecords } from './ports/targets.ts';

export type TargetAnswer =
  | { kind: 'target'; survey: Extract<Survey, { kind: 'survey' | 'shape' }>; record: TargetRecord | null }
  | { kind: 'clusterUnknown'; asked: string; clusters: readonly string[] }
  | { kind: 'targetMissing' }
  | { kind: 'meshUnavailable'; failure: MeshFailure };

/** What faces may ask about targets. */
export interface TargetService {
  list(query: TargetQuery): Promise<TargetRecord[]>;
  /** Reads the mesh now. */
  read(name: MeshName): Promise<TargetAnswer>;
}

export type TargetDeps = {
  /** The names of the clusters in the configuration. */
  clusters: readonly string[];
  mesh: Pick<Mesh, 'survey'>;
  records: TargetRecords;
  deadline: (ms: number) => AbortSignal;
};

/** Milliseconds a person waits for the mesh at most. */
const meshMs = 3000;

/** Wires the targets; every answer is a value, and only a lost database throws. */
export function targetService(deps: TargetDeps): TargetService {
  return { list: (query) => deps.records.list(query), read: (name) => read(deps, name) };
}

async function read(
  { clusters, mesh, records, deadline }: TargetDeps,
  name: MeshName,
): Promise<TargetAnswer> {
  if (!clusters.includes(name.cluster)) return { kind: 'clusterUnknown', asked: name.cluster, clusters };
  const survey = await mesh.survey(name, deadline(meshMs));
  switch (survey.kind) {
    case 'survey':
    case 'shape':
      return { kind: 'target', survey, record: await records.last(name) };
    case 'missing':
      return { kind: 'targetMissing' };
    case 'unavailable':
      return { kind: 'meshUnavailable', failure: survey };
  }
}
