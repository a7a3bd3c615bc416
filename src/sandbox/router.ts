import { accessReviewPath, reviewAccess } from './access-review.ts';
import { type Attempt, forbidden, forbiddenPath, isAllowed, type User } from './auth.ts';
import { createObject } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { getOther, isPublicPath } from './discovery.ts';
import { getObject, listObjects } from './read.ts';
import { notFound } from './replies.ts';
import { type ApiRequest, isWatch, parseTarget, type Target, verbOf } from './request.ts';
import type { ObjectKey } from './resources.ts';
import { badRequest, failure, pageNotFound, type Reply } from './status.ts';
import { watchObjects } from './watch.ts';
import { type Cluster, patchObject, putObject } from './write.ts';

type ResourceTarget = Extract<Target, { kind: 'resource' }>;

/** Answers one authenticated request. Rights are checked before existence, as the API server does. */
export function route(cluster: Cluster, user: User, request: ApiRequest): Reply {
  // Everybody may ask about their own rights, as `system:authenticated` may in a cluster.
  if (request.path === accessReviewPath && user.token !== '') return reviewAccess(user, request.body);
  const target = parseTarget(request.path);
  if (target.kind === 'other') return routeOther(user, request);
  const attempt = attemptOf(target, request);
  if (!isAllowed(user, attempt)) return forbidden(user, attempt);
  if (target.type === null) return target.group === '' ? noSuchCoreResource() : pageNotFound();
  return routeResource(
    cluster,
    target,
    { type: target.type, namespace: target.namespace, name: target.name },
    request,
  );
}

export function attemptOf(target: ResourceTarget, request: ApiRequest): Attempt {
  const { plural, subresource, group, name } = target;
  const verb = verbOf(request.method, name !== '', isWatch(request));
  // A namespace counts as standing in itself: a Role in it may let it be read.
  const namespace = group === '' && plural === 'namespaces' ? name : target.namespace;
  return { verb, group, resource: subresource === '' ? plural : `${plural}/${subresource}`, namespace, name };
}

function routeOther(user: User, request: ApiRequest): Reply {
  const mayRead = user.rules.length > 0 || isPublicPath(request.path);
  if (!mayRead) return forbiddenPath(user, request.path);
  return request.method === 'GET' ? getOther(request.path) : pageNotFound();
}

function routeResource(cluster: Cluster, target: ResourceTarget, key: ObjectKey, request: ApiRequest): Reply {
  const { version, subresource } = target;
  if (request.method === 'POST') return createObject(cluster, { request, key, version, subresource });
  if (key.name === '') return routeCollection(cluster, target, key, request);
  // No kind here has another subresource; the server then looks for the object first and does not find it.
  if (subresource !== '' && subresource !== 'status') return notFound(key);
  const write = { request, key, version, subresource };
  switch (request.method) {
    case 'GET':
      return getObject(cluster.store, key, version, request);
    case 'PUT':
      return putObject(cluster, write);
    case 'PATCH':
      return patchObject(cluster, write);
    case 'DELETE':
      return deleteObject(cluster, write);
    default:
      return notAllowed();
  }
}

function routeCollection(
  cluster: Cluster,
  target: ResourceTarget,
  key: ObjectKey,
  request: ApiRequest,
): Reply {
  if (request.method === 'DELETE') return deleteCollection(cluster, key, target.version, request);
  if (request.method === 'GET') {
    return isWatch(request)
      ? watchObjects(cluster, key, target.version, request)
      : listObjects(cluster.store, key, target.version, request);
  }
  return ['PUT', 'PATCH'].includes(request.method) ? badRequest('name must be provided') : notAllowed();
}

function notAllowed(): Reply {
  const message = 'the server does not allow this method on the requested resource';
  return failure({ code: 405, reason: 'MethodNotAllowed', message, details: {} });
}

function noSuchCoreResource(): Reply {
  const message = 'the server could not find the requested resource';
  return failure({ code: 404, reason: 'NotFound', message, details: {} });
}
