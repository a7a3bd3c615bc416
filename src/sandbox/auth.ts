import { failure, type Reply } from './status.ts';

/**
 * One right: any of the verbs on any of the resources; `namespaces` absent means everywhere, and `names` any name or
 * none. `*` matches all.
 */
type Rule = {
  verbs: readonly string[];
  groups: readonly string[];
  resources: readonly string[];
  namespaces?: readonly string[];
  names?: readonly string[];
};

export type User = { name: string; token: string; rules: readonly Rule[] };

export type Attempt = {
  verb: string;
  group: string;
  /** With its subresource, as in `virtualservices/status`. */
  resource: string;
  namespace: string;
  name: string;
};

const anonymous: User = { name: 'system:anonymous', token: '', rules: [] };
const everything: Rule = { verbs: ['*'], groups: ['*'], resources: ['*'] };
const routing: Rule = {
  verbs: ['get', 'list', 'watch', 'patch'],
  groups: ['networking.istio.io'],
  resources: ['virtualservices'],
};

/** The users every sandbox starts with: an administrator, canaryd with what it needs, and one without any right. */
export function defaultUsers(): User[] {
  const looking: Rule = { verbs: ['get', 'list', 'watch'], groups: ['*'], resources: ['*'] };
  return [
    { name: 'admin', token: 'admin-token', rules: [everything] },
    { name: 'canaryd', token: 'canaryd-token', rules: [routing, looking] },
    { name: 'nobody', token: 'nobody-token', rules: [] },
  ];
}

/**
 * Finds who sends a request. A request without a bearer token is anonymous; a token nobody has is refused with 401.
 * (Recorded: another scheme, or `Bearer ` without a token, counts as no token.)
 */
export function authenticate(header: string | undefined, users: readonly User[]): User | null {
  const token = /^Bearer\s+(\S+)\s*$/i.exec(header ?? '')?.[1];
  if (token === undefined) return anonymous;
  return users.find((user) => user.token === token) ?? null;
}

export function unauthorized(): Reply {
  return failure({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
}

export function isAllowed(user: User, attempt: Attempt): boolean {
  const fits = (list: readonly string[] | undefined, value: string) =>
    list === undefined || list.includes('*') || list.includes(value);
  return user.rules.some(
    (rule) =>
      fits(rule.verbs, attempt.verb) &&
      fits(rule.groups, attempt.group) &&
      fits(rule.resources, attempt.resource) &&
      fits(rule.namespaces, attempt.namespace) &&
      fits(rule.names, attempt.name),
  );
}

/** The RBAC refusal, word for word as the API server writes it; `details` keeps the resource, not the kind. */
export function forbidden(user: User, attempt: Attempt): Reply {
  const { verb, group, resource, namespace, name } = attempt;
  const plural = resource.split('/')[0] ?? resource;
  const qualified = group === '' ? plural : `${plural}.${group}`;
  const subject = name === '' ? qualified : `${qualified} "${name}"`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message = `${subject} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  const details = { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural };
  return sniffed(failure({ code: 403, reason: 'Forbidden', message, details }));
}

/** The refusal of a path that is no resource. Health, version and discovery of a right-less user are open or not by path. */
export function forbiddenPath(user: User, path: string): Reply {
  const message = `forbidden: User "${user.name}" cannot get path "${path}"`;
  return sniffed(failure({ code: 403, reason: 'Forbidden', message, details: {} }));
}

function sniffed(reply: Reply): Reply {
  return { ...reply, headers: { ...reply.headers, 'x-content-type-options': 'nosniff' } };
}
