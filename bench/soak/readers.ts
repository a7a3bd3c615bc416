import { type IncomingMessage, request } from 'node:http';
import { type Access, pause } from './releases.ts';

/** How many listen to one canaryd at a time. */
export const listeners = ['fast', 'fast', 'slow', 'killed', 'leaves'] as const;
type Listener = (typeof listeners)[number];

/**
 * Opens a stream of events again and again. A slow reader takes nothing for seconds, a killed one is gone without a
 * word in the middle of it, and one that leaves closes at once.
 */
export async function keepListening(
  { api, token }: Access,
  listener: Listener,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const asked = request(`${api}/v1/events`, { headers, agent: false });
    asked.on('error', () => undefined);
    asked.on('response', (answer) => listen(answer, listener));
    asked.end();
    await pause(stays[listener] * (0.5 + Math.random()), over);
    if (listener === 'killed') asked.socket?.resetAndDestroy();
    asked.destroy();
    await pause(300, over);
  }
}

/** Milliseconds that a listener stays, more or less. */
const stays: Record<Listener, number> = { fast: 15_000, slow: 10_000, killed: 4000, leaves: 200 };

function listen(answer: IncomingMessage, listener: Listener): void {
  answer.on('error', () => undefined);
  if (listener !== 'slow') answer.resume();
}

const pages = ['/v1/rollouts', '/v1/audit', '/v1/targets', '/readyz', '/metrics', '/v1/plans'];
const readsRestMs = 200;
const callMs = 10_000;

/** Reads one page after the other; what is refused or lost is the next one's turn. */
export async function keepReading({ api, token }: Access, over: AbortSignal): Promise<void> {
  for (let count = 0; !over.aborted; count += 1) {
    const headers = { authorization: `Bearer ${token}` };
    const signal = AbortSignal.timeout(callMs);
    const sent = fetch(`${api}${pages[count % pages.length]}`, { headers, signal });
    await sent.then((answer) => answer.text()).catch(() => undefined);
    await pause(readsRestMs, over);
  }
}
