import { request } from 'undici';
import type { Fact, FiringAlert, Silence } from '../readiness/snapshot.ts';
import { firstOf } from '../signals.ts';
import { type Address, addressOf, type Provider, readAddress } from './address.ts';
import { answerFrom, bytesOfOne } from './client.ts';
import { type Received, readBody } from './driver.ts';
import { activeAlertsFrom } from './surroundings-alerts.ts';
import { readItems, silencesFrom, unreadAlertmanager } from './surroundings-silences.ts';

/** Silences that are over are listed for days. */
const mostBytes = 16 * bytesOfOne;

/** Reads the active silences; never throws, and ends at its deadline or with the signal. */
export type SilencesRead = (signal: AbortSignal) => Promise<Fact<Silence[]>>;

/** Reads the alerts that are neither silenced nor inhibited, likewise. */
export type AlertsRead = (signal: AbortSignal) => Promise<Fact<FiringAlert[]>>;

/**
 * Reads silences of one Alertmanager, each time within `deadlineMs`. A file with its secret is read each time.
 * Source: `GET /api/v2/silences` of https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 * @throws AppError `configuration` when its address is no URL
 */
export function silencesAt(provider: Provider, deadlineMs = 3000): SilencesRead {
  return listAt(provider, { path: '/api/v2/silences', from: silencesFrom, deadlineMs });
}

/**
 * Reads the alerts of one Alertmanager as `silencesAt` reads silences.
 * Source: `GET /api/v2/alerts` of the same page
 * @throws AppError `configuration` when its address is no URL
 */
export function alertsAt(provider: Provider, deadlineMs = 3000): AlertsRead {
  const path = '/api/v2/alerts?active=true&silenced=false&inhibited=false';
  return listAt(provider, { path, from: activeAlertsFrom, deadlineMs });
}

type List<One> = { path: string; from: (items: readonly unknown[]) => Fact<One[]>; deadlineMs: number };

function listAt<One>(
  provider: Provider,
  { path, from, deadlineMs }: List<One>,
): (signal: AbortSignal) => Promise<Fact<One[]>> {
  const { host } = readAddress({ url: provider.url }, 'Alertmanager');
  return async (signal) => {
    const read = await addressOf(provider, 'Alertmanager');
    if (read.kind === 'broken') return unreadAlertmanager(read.why);
    const bounded = firstOf([signal, AbortSignal.timeout(deadlineMs)]);
    const received = await ask(read.address, path, bounded);
    const answer = answerFrom(received, { maxBytes: mostBytes, signal: bounded, read: readItems });
    if (answer.kind === 'failed') return unreadAlertmanager(`Alertmanager at ${host} ${answer.why}`);
    return from(answer.items);
  };
}

async function ask(address: Address, path: string, signal: AbortSignal): Promise<Received> {
  const { endpoint, auth } = readAddress(address, 'Alertmanager');
  const headers = { ...address.headers, accept: 'application/json', ...authorization(auth) };
  try {
    const { statusCode, body } = await request(`${endpoint}${path}`, { headers, signal });
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
