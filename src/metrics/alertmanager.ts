import { request } from 'undici';
import type { Fact, Silence } from '../readiness/snapshot.ts';
import { type Address, addressOf, type Provider, readAddress } from './address.ts';
import { answerFrom, bytesOfOne } from './client.ts';
import { type Received, readBody } from './driver.ts';
import { readSilences, silencesFrom, unreadSilences } from './surroundings-silences.ts';

/** Those that are over are listed for days. */
const mostBytes = 16 * bytesOfOne;

/** Reads the active silences; never throws, and ends at its deadline or with the signal. */
export type SilencesRead = (signal: AbortSignal) => Promise<Fact<Silence[]>>;

/**
 * Reads silences of one Alertmanager, each time within `deadlineMs`. A file with its secret is read each time.
 * Source: `GET /api/v2/silences` of https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 * @throws AppError `configuration` when its address is no URL
 */
export function silencesAt(provider: Provider, deadlineMs = 3000): SilencesRead {
  const { host } = readAddress({ url: provider.url }, 'Alertmanager');
  return async (signal) => {
    const read = await addressOf(provider, 'Alertmanager');
    if (read.kind === 'broken') return unreadSilences(read.why);
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const received = await ask(read.address, bounded);
    const answer = answerFrom(received, { maxBytes: mostBytes, signal: bounded, read: readSilences });
    if (answer.kind === 'failed') return unreadSilences(`Alertmanager at ${host} ${answer.why}`);
    return silencesFrom(answer.silences);
  };
}

async function ask(address: Address, signal: AbortSignal): Promise<Received> {
  const { endpoint, auth } = readAddress(address, 'Alertmanager');
  const headers = { ...address.headers, accept: 'application/json', ...authorization(auth) };
  try {
    const { statusCode, body } = await request(`${endpoint}/api/v2/silences`, { headers, signal });
    return await readBody(statusCode, body, { maxBytes: mostBytes });
  } catch (thrown) {
    return { kind: 'thrown', thrown };
  }
}

function authorization(auth: Address['auth']): Record<string, string> {
  if (auth === undefined) return {};
  if ('bearerToken' in auth) return { authorization: `Bearer ${auth.bearerToken}` };
  const pair = Buffer.from(`${auth.username}:${auth.password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}
