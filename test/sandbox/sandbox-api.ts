import { KubeConfig } from '@kubernetes/client-node';
import type { Json } from '../../src/sandbox/json.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { send } from './https-client.ts';

/** Asks the API server of a sandbox as its administrator; a PATCH is a merge patch. */
export type Ask = (method: string, path: string, body?: Json) => Promise<{ status: number; body: Json }>;

export function apiOf(sandbox: Sandbox): Ask {
  const config = new KubeConfig();
  config.loadFromString(sandbox.kubeconfigFor('admin'));
  const ca = Buffer.from(config.getCurrentCluster()?.caData ?? '', 'base64').toString();
  const server = { url: sandbox.apiUrl, ca };
  const token = config.getCurrentUser()?.token ?? '';
  return async (method, path, body) => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const sent = body === undefined ? null : JSON.stringify(body);
    const { status, headers: answered, text } = await send(server, { method, path, headers, body: sent });
    const isJson = String(answered['content-type']).startsWith('application/json');
    return { status, body: isJson ? JSON.parse(text) : text };
  };
}
