import { setMaxListeners } from 'node:events';
import { notAsked } from '../readiness/snapshot.ts';
import { type ClusterFacts, clusterFacts, nothingRead } from '../readiness/sources.ts';
import type { ClusterQuestion, Surroundings } from '../rollout/ports/readiness.ts';
import { firstOf } from '../signals.ts';
import { unavailable } from './api-answer.ts';
import { atMost, type Limit } from './at-most.ts';
import type { SurroundingsKube } from './list-facts.ts';
import { readers } from './surroundings-readers.ts';
import { beginReading, type SurroundingsSource } from './surroundings-reading.ts';

/** An API server that many rollouts ask at once has others to serve. */
const mostCalls = 8;

/** Of these for all that is no turn: however many people ask, a raise finds the others free. */
const mostForReaders = 4;

/** Who reads: turns, or whoever asks the API. */
export type Reader = 'turns' | 'readers';

/**
 * Reads the surroundings of targets in one cluster, however many at once, with a few calls at a time: turns may have all
 * of them, others some. A call that still waits when its signal aborts is not made, and is answered as late.
 */
export function surroundingsOf({
  kube,
  ...installation
}: SurroundingsSource): Record<Reader, Surroundings['ofCluster']> {
  const all = atMost(mostCalls);
  const some = atMost(mostForReaders);
  const within =
    (limit: Limit): Surroundings['ofCluster'] =>
    (question, deadline) => {
      // All calls of a reading share a deadline, and Node warns of more than ten listeners to one signal as of a leak.
      const signal = firstOf([deadline]);
      setMaxListeners(0, signal);
      return readSurroundings({ ...installation, kube: limited(kube, limit) }, question, signal);
    };
  return {
    turns: within(all),
    readers: within((signal, task) => some(signal, () => all(signal, task))),
  };
}

const late = unavailable('timeout', 'the time for the call was up');

function limited(kube: SurroundingsKube, limit: Limit): SurroundingsKube {
  const inTurn = async <Answer>(signal: AbortSignal, call: () => Promise<Answer>) =>
    (await limit(signal, call)) ?? late;
  return {
    listObjects: (asked, item, signal) => inTurn(signal, () => kube.listObjects(asked, item, signal)),
    readObject: (asked, item, signal) => inTurn(signal, () => kube.readObject(asked, item, signal)),
    listVersions: (group, signal) => inTurn(signal, () => kube.listVersions(group, signal)),
    mayDo: (right, signal) => inTurn(signal, () => kube.mayDo(right, signal)),
  };
}

/**
 * What the API server tells of a target's surroundings, of that what is wanted, with no other calls than that takes.
 * Never fails: what could not be read, or not before `signal` aborted, says so in its fact.
 */
export async function readSurroundings(
  source: SurroundingsSource,
  question: ClusterQuestion,
  signal: AbortSignal,
): Promise<ClusterFacts> {
  const reading = beginReading(source, question, signal);
  const facts: ClusterFacts = nothingRead(clusterFacts, notAsked);
  const fill = async <Name extends keyof ClusterFacts>(name: Name): Promise<void> => {
    facts[name] = await readers[name](reading);
  };
  await Promise.all([...question.wanted].map((name) => fill(name)));
  return facts;
}
