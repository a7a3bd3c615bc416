import type { JsonObject } from './json.ts';
import { resourceTypes } from './resources.ts';
import { answer, pageNotFound, type Reply } from './status.ts';

const plainText = { 'content-type': 'text/plain; charset=utf-8' };
const serverVersion: JsonObject = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.2',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'go1.26.8',
  compiler: 'gc',
  platform: 'linux/amd64',
};

/** Paths that a user without any right may still read, as the default cluster roles allow. */
export function isPublicPath(path: string): boolean {
  return ['/healthz', '/livez', '/readyz', '/version'].includes(path);
}

/** GET of anything that is not a resource: health, version, and the lists of groups and resources. */
export function getOther(path: string): Reply {
  if (['/healthz', '/livez', '/readyz'].includes(path))
    return { status: 200, body: 'ok', headers: plainText };
  if (path === '/version') return answer(200, serverVersion);
  if (path === '/api') return answer(200, { kind: 'APIVersions', versions: ['v1'] });
  if (path === '/apis')
    return answer(200, { kind: 'APIGroupList', apiVersion: 'v1', groups: groupNames().map(group) });
  const [, root, name, version] = path.split('/');
  if (root === 'api' && name === 'v1' && version === undefined) return resourceList('', 'v1');
  if (root !== 'apis' || name === undefined || !groupNames().includes(name)) return pageNotFound();
  if (version === undefined) return answer(200, { kind: 'APIGroup', apiVersion: 'v1', ...group(name) });
  return versionsOf(name).includes(version) ? resourceList(name, version) : pageNotFound();
}

function groupNames(): string[] {
  return [...new Set(resourceTypes.map((type) => type.group))].filter((name) => name !== '');
}

function versionsOf(name: string): string[] {
  return [...new Set(resourceTypes.filter((type) => type.group === name).flatMap((type) => type.versions))];
}

function group(name: string): JsonObject {
  const versions = versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, ...(versions[0] === undefined ? {} : { preferredVersion: versions[0] }) };
}

function resourceList(name: string, version: string): Reply {
  const served = resourceTypes.filter((type) => type.group === name && type.versions.includes(version));
  const resources = served.map(({ plural, kind, namespaced }) => ({
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced,
    kind,
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  }));
  const groupVersion = name === '' ? version : `${name}/${version}`;
  return answer(200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources });
}
