import { setTimeout as wait } from 'node:timers/promises';
import { clientOf, type EventSeen, hasEnded } from '../../demo/client.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { waitUntil } from '../e2e/wait-until.ts';
import { type Left, leftOf } from './left.ts';
import { releaseOf, smallServices } from './mesh.ts';
import type { Crash } from './points.ts';
import { startCrashWorker } from './processes.ts';
import { type Written, watchWrites } from './written.ts';

/** What became of one rollout whose worker was killed. */
export type Story = Written & {
  status: string;
  /** The weights that were told as applied, each as before and after. */
  moves: [number, number][];
  seqs: number[];
  types: string[];
  left: Left;
  /** From the death to the first turn of another worker; null when the rollout had ended before. */
  takenOverMs: number | null;
};

export type CrashStage = {
  stories: Map<string, Story>;
  signal: NodeJS.Signals | null;
  close(): Promise<void>;
};

const patienceMs = 60_000;

const checks = {
  errors: { metric: 'errorRate', max: '50%', window: '4s', failures: 3, minRequests: 5 },
};
const tiny = {
  name: 'tiny',
  interval: '1s',
  deadline: '2m',
  checks,
  steps: [{ type: 'setWeight', weight: 20 }, { type: 'bake', duration: '4s' }, { type: 'promote' }],
};
const patient = {
  ...tiny,
  steps: [{ type: 'setWeight', weight: 20 }, { type: 'bake', duration: '1m' }, { type: 'promote' }],
};

/**
 * Starts a stack, a rollout for each crash and a worker that dies in all of them at once; then another worker takes
 * over, and all of them are followed to their end. A turn's lease lasts for `leaseSeconds`.
 */
export async function playCrashes(crashes: Crash[], leaseSeconds: number): Promise<CrashStage> {
  const services = crashes.map(({ service }) => service);
  const stack = await startStack({
    seed: 17,
    say: () => undefined,
    mesh: smallServices(services),
    role: 'api',
  });
  const closings = [stack.close];
  const close = async () => {
    for (const part of closings.splice(0).reverse()) await part();
  };
  try {
    const written = watchWrites(stack.sandbox, services);
    const [victim, successor] = await Promise.all([
      startCrashWorker(stack, { kind: 'dies', leaseSeconds, crashes }),
      startCrashWorker(stack, { kind: 'succeeds', leaseSeconds }),
      untilSeen(stack, services),
    ]);
    closings.push(victim.end, successor.end);
    const ids = await begin(stack, crashes);
    const signal = await victim.death;
    const diedMs = Date.now();
    successor.go();
    const stories = new Map<string, Story>();
    await Promise.all(
      crashes.map(async ({ service }) => {
        const id = ids.get(service) ?? '';
        const status = await endOf(stack, id);
        const took = successor.took.get(service);
        stories.set(service, {
          ...(written.get(service) ?? { shares: [], epochs: [] }),
          status,
          ...told(await clientOf(stack).eventsAfter(id, 0)),
          left: await leftOf(stack.databaseUrl, id),
          takenOverMs: took === undefined ? null : took - diedMs,
        });
      }),
    );
    return { stories, signal, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those that are to go back are brought to 20 % first; then all deadly turns are due at the same time. */
async function begin(stack: Stack, crashes: Crash[]): Promise<Map<string, string>> {
  const client = clientOf(stack);
  const ids = new Map<string, string>();
  const create = async ({ service, direction }: Crash) => {
    const plan = direction === 'on' ? tiny : patient;
    const { id } = await client.create({ target: releaseOf(service), plan });
    ids.set(service, id);
    return id;
  };
  const backward = crashes.filter(({ direction }) => direction === 'back');
  const onTheirWay = await Promise.all(backward.map(create));
  await waitUntil('all that are to go back have 20 %', async () => {
    const seen = await Promise.all(onTheirWay.map(client.find));
    return seen.every(({ weight }) => weight.applied === 20);
  });
  await Promise.all(crashes.filter(({ direction }) => direction === 'on').map(create));
  for (const { status, text } of await Promise.all(onTheirWay.map((id) => client.act(id, 'rollback'))))
    if (status !== 202) throw new Error(`a rollback was refused: ${text}`);
  return ids;
}

/** The status at the end, or what holds up a rollout that does not come to one. */
async function endOf(stack: Stack, id: string): Promise<string> {
  const give = Date.now() + patienceMs;
  for (;;) {
    const seen = await clientOf(stack).find(id);
    if (hasEnded(seen)) return seen.status;
    if (Date.now() > give) return `${seen.status}: ${seen.explanation.what}`;
    await wait(100);
  }
}

function told(events: EventSeen[]): Pick<Story, 'moves' | 'seqs' | 'types'> {
  const applied = events.filter(({ type }) => type === 'weight.applied');
  return {
    moves: applied.map(({ facts }) => [Number(facts['from']), Number(facts['to'])]),
    seqs: events.map(({ seq }) => seq),
    types: events.map(({ type }) => type),
  };
}

/** A rollout starts at once only when Prometheus has seen its service. */
async function untilSeen({ prometheusUrl }: Stack, services: string[]): Promise<void> {
  const query = encodeURIComponent(
    'count(count by (destination_service_name) (rate(istio_requests_total{reporter="destination"}[5s]) > 0))',
  );
  await waitUntil('Prometheus sees every service', async () => {
    const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${query}`);
    return (await answer.text()).includes(`"${services.length}"]`);
  });
}
