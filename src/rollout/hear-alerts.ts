import { heardTogether, meantBy } from './alerts.ts';
import type { AlertSources, FiringAlert, Heard } from './ports/alerts.ts';
import type { ReceivedBy } from './reasons.ts';
import type { Rollout } from './rollout.ts';

type Read = { firing: FiringAlert[]; unread: Heard['unread'] };

/**
 * Listens to what the plan listens to. Never throws, and ends with the signal: what cannot be heard must keep no turn
 * from going back. Null when the plan listens to nothing.
 */
export async function hearAlerts(
  sources: AlertSources | undefined,
  { plan, target: { cluster } }: Rollout,
  signal: AbortSignal,
): Promise<Heard | null> {
  const { alerts } = plan;
  if (alerts === undefined || alerts.length === 0) return null;
  if (sources === undefined)
    return { firing: [], unread: [{ from: 'hook', why: 'this worker hears of none' }] };
  const matches = alerts.map(({ match }) => match);
  const received = sources.received.firing(cluster, matches).then(read);
  const polled = sources.polled
    .firing(cluster)
    .then((found) => (found.kind === 'read' ? read(found.alerts) : unread('prometheus', found.why)));
  const [sent, found] = await Promise.all([
    inTime(received, { signal, from: 'hook', what: 'the alerts that were sent' }),
    inTime(polled, { signal, from: 'prometheus', what: 'the alerts of Prometheus' }),
  ]);
  const firing = meantBy(alerts, heardTogether(sent.firing, found.firing));
  return { firing, unread: [...sent.unread, ...found.unread] };
}

type Asked = { signal: AbortSignal; from: ReceivedBy['kind']; what: string };

async function inTime(reading: Promise<Read>, { signal, from, what }: Asked): Promise<Read> {
  const lost = reading.catch(() => unread(from, `${what} could not be read`));
  let stop = () => {};
  const late = new Promise<Read>((resolve) => {
    stop = () => resolve(unread(from, `${what} could not be read in time`));
  });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return Promise.race([lost, late]).finally(() => signal.removeEventListener('abort', stop));
}

function read(firing: FiringAlert[]): Read {
  return { firing, unread: [] };
}

function unread(from: ReceivedBy['kind'], why: string): Read {
  return { firing: [], unread: [{ from, why }] };
}
