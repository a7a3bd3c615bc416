import { valueAt } from '../known-names.ts';
import type { Path } from './settings.ts';
import { mappingAt } from './tree.ts';

/** What is wrong with the setting at a path, and how to mend it. */
export type Fault = { path: Path; says: string };

/**
 * What the schema cannot say because it concerns several settings at once. Looks at what was written, not at what the
 * schema made of it, so that these faults are listed together with all others.
 * @param given secrets that stand outside of the tree, in the environment
 */
export function combinedFaults(tree: unknown, given: { tokens: boolean; password: boolean }): Fault[] {
  const has = (key: string) => valueAt(tree, [key]) !== undefined;
  const faults: Fault[] = [];
  if (!has('databaseUrl') && !has('databaseUrlFile')) {
    faults.push({ path: ['databaseUrl'], says: 'is missing: write a URL that begins with postgres://' });
  }
  if (!has('tokensFile') && !given.tokens) {
    faults.push({ path: ['tokensFile'], says: 'is missing: the path of a JSON list of bearer tokens' });
  }
  for (const key of ['databaseUrl', 'redisUrl']) {
    if (has(key) && has(`${key}File`))
      faults.push({ path: [key], says: `goes without ${key}File: keep one` });
  }
  const clusters = valueAt(tree, ['clusters']);
  const each = Array.isArray(clusters)
    ? clusters.map((_cluster, index) => clusterFaults(tree, index, given))
    : [];
  return [...faults, ...each.flat(), ...nameFaults(clusters)];
}

function clusterFaults(tree: unknown, index: number, given: { password: boolean }): Fault[] {
  const path: Path = ['clusters', index];
  const cluster = mappingAt(tree, path);
  const has = (key: string) => cluster[key] !== undefined;
  const faults: Fault[] = [];
  if (has('kubeconfig') === has('inCluster')) {
    faults.push({ path, says: 'needs either kubeconfig, with the path of one, or `inCluster: true`' });
  }
  if (has('context') && !has('kubeconfig')) {
    faults.push({ path: [...path, 'context'], says: 'belongs to a kubeconfig: name that, or take it out' });
  }
  const passwords = { prometheus: given.password, alertmanager: false };
  const ofProviders = providers.flatMap((name) => providerFaults(tree, [...path, name], passwords[name]));
  return [...faults, ...ofProviders];
}

/** What a cluster's figures and silences come from; both are asked in the same ways. */
export const providers = ['prometheus', 'alertmanager'] as const;

/** Keys that would hold a secret in the open, and what to write instead. */
export const secretKeys = {
  password: 'passwordFile',
  bearerToken: 'bearerTokenFile',
  token: 'bearerTokenFile',
};

function providerFaults(tree: unknown, path: Path, passwordGiven: boolean): Fault[] {
  const provider = mappingAt(tree, path);
  const has = (key: string) => provider[key] !== undefined;
  const faults: Fault[] = [];
  for (const [key, instead] of Object.entries(secretKeys)) {
    const says = `is no setting: write the secret into a file of its own and its path as ${instead}`;
    if (has(key)) faults.push({ path: [...path, key], says });
  }
  const hasPassword = has('passwordFile') || passwordGiven;
  if (has('user') !== hasPassword && !has('password')) {
    faults.push({ path: [...path, 'user'], says: 'goes together with the password: set both or none' });
  }
  if (has('bearerTokenFile') && (has('user') || hasPassword)) {
    faults.push({
      path: [...path, 'bearerTokenFile'],
      says: 'goes without user and passwordFile: keep one way',
    });
  }
  const headers = Object.keys(mappingAt(provider, ['headers']));
  if (headers.some((name) => name.toLowerCase() === 'authorization')) {
    const says = 'carry no Authorization: name the file of the token as bearerTokenFile';
    faults.push({ path: [...path, 'headers'], says });
  }
  return faults;
}

/** A rollout knows its cluster by name, so a name must not lead to two. */
function nameFaults(clusters: unknown): Fault[] {
  if (!Array.isArray(clusters)) return [];
  const names = clusters.map((cluster) => valueAt(cluster, ['name']));
  return names.flatMap((name, index) =>
    name !== undefined && names.indexOf(name) < index
      ? [{ path: ['clusters', index, 'name'], says: 'is used twice: give each cluster a name of its own' }]
      : [],
  );
}
