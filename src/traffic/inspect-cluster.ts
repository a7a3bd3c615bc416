import { z } from 'zod';
import { Review, type Right, reviewOf } from './access-review.ts';
import type { ApiAnswer } from './api-answer.ts';
import { readAnswer } from './api-answer.ts';
import { closeAgents } from './kube-client.ts';
import { type Connection, connect, type KubeSource, send } from './kube-connection.ts';

type Found<Value> = { kind: 'found'; value: Value } | { kind: 'failed'; why: string };

/** What one cluster answers. `clockMs` is the API server's clock in whole seconds, null when it did not say. */
export type ClusterFacts = {
  server: Found<{ version: string; clockMs: number | null; localMs: number }>;
  /** The version of Istio's networking API that is served; null when there is none. */
  istio: Found<string | null>;
  rights: { right: Right; allowed: Found<boolean> }[];
  /** Whether the VirtualService that was asked for is there; null when none was, or none can be. */
  target: Found<boolean> | null;
};

export type InspectOptions = {
  rights: readonly Right[];
  /** A VirtualService to look for. */
  target: { namespace: string; name: string } | null;
  timeoutMs: number;
  now: () => number;
};

const Version = z.looseObject({
  httpStatusCode: z.number(),
  headers: z.record(z.string(), z.string()),
  data: z.looseObject({ gitVersion: z.string() }),
});
const ResourceList = z.looseObject({ resources: z.array(z.looseObject({ name: z.string() })) });

/**
 * Asks a cluster who it is and what canaryd may do there. An access review is a question, too: it stores nothing.
 * @throws AppError `configuration` when the credentials cannot be read
 */
export async function inspectCluster(source: KubeSource, options: InspectOptions): Promise<ClusterFacts> {
  const connection = await connect(source);
  try {
    const [server, istio, rights] = await Promise.all([
      serverOf(connection, options),
      istioOf(connection, options),
      Promise.all(
        options.rights.map(async (right) => ({ right, allowed: await mayDo(connection, right, options) })),
      ),
    ]);
    return { server, istio, rights, target: await targetOf(connection, istio, options) };
  } finally {
    await closeAgents(connection);
  }
}

async function serverOf(
  connection: Connection,
  { timeoutMs, now }: InspectOptions,
): Promise<ClusterFacts['server']> {
  const before = now();
  const answer = await send(
    connection,
    ({ version }, options) => version.getCodeWithHttpInfo({}, options),
    AbortSignal.timeout(timeoutMs),
    { timeoutMs },
  );
  const localMs = (before + now()) / 2;
  return found(answer, Version, ({ data, headers }) => {
    const clockMs = Date.parse(headers['date'] ?? '');
    return { version: data.gitVersion, clockMs: Number.isNaN(clockMs) ? null : clockMs, localMs };
  });
}

async function istioOf(
  connection: Connection,
  { timeoutMs }: InspectOptions,
): Promise<ClusterFacts['istio']> {
  for (const version of ['v1', 'v1beta1']) {
    const group = 'networking.istio.io';
    const answer = await send(
      connection,
      ({ custom }, options) => custom.getAPIResources({ group, version }, options),
      AbortSignal.timeout(timeoutMs),
      { timeoutMs },
    );
    if (answer.kind === 'refused' && answer.refusal.code === 404) continue;
    return found(answer, ResourceList, ({ resources }) =>
      resources.some(({ name }) => name === 'virtualservices') ? version : null,
    );
  }
  return { kind: 'found', value: null };
}

async function targetOf(
  connection: Connection,
  istio: ClusterFacts['istio'],
  { target, timeoutMs }: InspectOptions,
): Promise<ClusterFacts['target']> {
  if (target === null) return null;
  if (istio.kind === 'failed') return istio;
  if (istio.value === null) return null;
  const asked = { group: 'networking.istio.io', version: istio.value, plural: 'virtualservices', ...target };
  const answer = await send(
    connection,
    ({ custom }, options) => custom.getNamespacedCustomObject(asked, options),
    AbortSignal.timeout(timeoutMs),
    { timeoutMs },
  );
  if (answer.kind === 'refused' && answer.refusal.code === 404) return { kind: 'found', value: false };
  return found(answer, z.unknown(), () => true);
}

async function mayDo(
  connection: Connection,
  right: Right,
  { timeoutMs }: InspectOptions,
): Promise<Found<boolean>> {
  const answer = await send(connection, reviewOf(right), AbortSignal.timeout(timeoutMs), { timeoutMs });
  return found(answer, Review, ({ status }) => status.allowed);
}

function found<Answer, Value>(
  answer: ApiAnswer,
  schema: z.ZodType<Answer>,
  read: (parsed: Answer) => Value,
): Found<Value> {
  const why = whyNot(answer);
  if (why !== null) return { kind: 'failed', why };
  const parsed = readAnswer(answer, schema);
  if (parsed.kind === 'found') return { kind: 'found', value: read(parsed.value) };
  return {
    kind: 'failed',
    why: parsed.kind === 'unavailable' ? parsed.why : 'the API server does not know this',
  };
}

function whyNot(answer: ApiAnswer): string | null {
  if (answer.kind === 'ok') return null;
  const read = readAnswer(answer, z.unknown());
  return read.kind === 'unavailable' ? read.why : 'the API server does not know this';
}
