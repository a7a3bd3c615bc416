export type Kind = { status: number; title: string; mend: string; retryAfterSeconds?: number };

/**
 * Every problem that canaryd answers, and the only place that knows HTTP status codes of failures.
 * 400: it cannot be read; 422: it was read and is wrong; 409: it is right, but not now.
 */
export const problemKinds = {
  'malformed-request': {
    status: 400,
    title: 'The request cannot be read',
    mend: 'Send valid JSON in UTF-8, and only query parameters and headers that the operation documents.',
  },
  'forbidden-key': {
    status: 400,
    title: 'The body has a forbidden or repeated key',
    mend: 'Leave out `__proto__`, `constructor` and `prototype`, and write each key of an object once.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid token is needed',
    mend: 'Send `Authorization: Bearer <token>` with a token from the configuration of canaryd.',
  },
  'not-found': {
    status: 404,
    title: 'There is nothing here',
    mend: 'Check the path and the id. `GET /v1/rollouts` lists the rollouts.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The path does not take this method',
    mend: 'Use one of the methods in the `Allow` header.',
  },
  'not-acceptable': {
    status: 406,
    title: 'None of the accepted media types is offered',
    mend: 'Ask for `application/json`, or for what the operation documents.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request took too long to arrive',
    mend: 'Send the whole request within 10 seconds.',
  },
  'rollout-already-active': {
    status: 409,
    title: 'Another rollout is live on this VirtualService',
    mend: 'Wait until the rollout in `activeRollout` has ended, or roll it back first.',
  },
  'invalid-transition': {
    status: 409,
    title: 'The rollout does not take this action now',
    mend: 'Use one of `allowedActions`.',
  },
  'stale-view': {
    status: 409,
    title: 'The rollout has moved on since you looked',
    mend: 'Look at `current`, and send the action again with its revision and step.',
  },
  'gate-not-ready': {
    status: 409,
    title: 'The checks of this step have not passed yet',
    mend: 'Wait, or send `{"override":["checks"],"reason":"…"}`.',
  },
  'drift-undecided': {
    status: 409,
    title: 'Somebody else moved the weights',
    mend: 'Resume with `{"drift":"adopt"}` to go on from the weight found, or `{"drift":"reassert"}` to restore ours.',
  },
  'idempotency-in-progress': {
    status: 409,
    title: 'A request with this Idempotency-Key is still running',
    mend: 'Send the same request again in a moment.',
    retryAfterSeconds: 1,
  },
  'precondition-failed': {
    status: 412,
    title: 'The plan has changed since you read it',
    mend: 'Read the plan again, bring your change into the newest version, and send it with its `ETag` as `If-Match`.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    mend: 'A plan has at most 50 steps and fits in 64 KB.',
  },
  'uri-too-long': { status: 414, title: 'The path is too long', mend: 'Use an id as the API gave it.' },
  'unsupported-media-type': {
    status: 415,
    title: 'The body is not JSON',
    mend: 'Send the body as UTF-8 with `Content-Type: application/json` and without a content encoding.',
  },
  'validation-error': {
    status: 422,
    title: 'The body is not valid',
    mend: 'Mend what `errors` lists; each pointer leads to its place in the body.',
  },
  'plan-invalid': {
    status: 422,
    title: 'The plan is not valid',
    mend: 'Mend what `errors` lists; `?dryRun=all` previews a plan without starting it.',
  },
  'plan-inconsistent': {
    status: 422,
    title: 'The parts of the plan contradict each other',
    mend: 'Bring bake times, windows, interval and deadline in line as `errors` says.',
  },
  'plan-not-found': {
    status: 422,
    title: 'There is no such plan',
    mend: 'Name one of the plans in `GET /v1/plans`, as `"name"` or `"name@version"`, or send the plan itself.',
  },
  'approval-required': {
    status: 409,
    title: 'An approval cannot be skipped',
    mend: 'Decide on the request at `/v1/rollouts/{id}/approvals`, or roll back.',
  },
  'self-approval': {
    status: 403,
    title: 'Whoever asked for a rollout does not approve it',
    mend: 'Let somebody else decide. Rolling back is open to you.',
  },
  'approver-not-a-person': {
    status: 403,
    title: 'A machine approves nothing',
    mend: 'Send the decision with the token of a person.',
  },
  'already-decided': {
    status: 409,
    title: 'You have decided on this already',
    mend: 'Each approval has to come from another person.',
  },
  'no-way-back': {
    status: 409,
    title: 'Weights cannot bring users back',
    mend: "Stable's pods run the canary's images: take those back, with the command in `detail`.",
  },
  'override-needs-reason': {
    status: 422,
    title: 'An override needs a reason',
    mend: 'Add `"reason"` to the body: it goes into the audit log.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'This Idempotency-Key belongs to another request',
    mend: 'Use a new key for a new request; a key is kept for 7 days.',
  },
  'cluster-unknown': {
    status: 422,
    title: 'canaryd knows no such cluster',
    mend: 'Write one of the clusters that `detail` lists as `target.cluster`. With a single cluster it may be left out.',
  },
  'target-not-found': {
    status: 422,
    title: 'The VirtualService does not exist',
    mend: 'Check cluster, namespace and name of the VirtualService.',
  },
  'route-not-found': {
    status: 422,
    title: 'The VirtualService has no such route',
    mend: 'Name one of the routes of the VirtualService: http routes in `target.route` or `target.routes`, others in `target.tls` or `target.tcp`.',
  },
  'route-ambiguous': {
    status: 422,
    title: 'More than one route matches',
    mend: 'Name the routes to be moved in `target.route`, `routes`, `tls` or `tcp`. Http routes of one name need distinct names first.',
  },
  'destination-not-in-route': {
    status: 422,
    title: 'The route does not have this destination',
    mend: 'Name subsets that the route sends traffic to.',
  },
  'split-not-at-rest': {
    status: 422,
    title: 'The split is not at rest',
    mend: 'Before a rollout one destination has all traffic and the canary has none. Where a third destination has traffic that it keeps, name both `target.stable` and `target.canary`.',
  },
  'canary-ambiguous': {
    status: 422,
    title: 'More than one destination could be the canary',
    mend: 'Select one with `target.canary`.',
  },
  'unsupported-shape': {
    status: 422,
    title: 'The VirtualService has a shape that canaryd does not edit',
    mend: 'Change what stands at the path that the detail names, or name other routes in `target.route`, `routes`, `tls` or `tcp`. It is the first fault that was found: the same request tells whether there is another.',
  },
  'subset-not-found': {
    status: 422,
    title: 'The subset is not defined',
    mend: 'Define the subset in the DestinationRule of the host.',
  },
  'service-not-found': {
    status: 422,
    title: 'The destination has no Kubernetes service',
    mend: 'Check the host of the destination.',
  },
  'too-many-listeners': {
    status: 429,
    title: 'This token has too many live connections open',
    mend: 'Close one, or share one `GET /v1/events` stream. `GET /v1/rollouts/{id}/status` needs no open connection.',
    retryAfterSeconds: 5,
  },
  'if-match-required': {
    status: 428,
    title: 'The version that the change builds on is missing',
    mend: 'Send the `ETag` of the plan that you read as `If-Match`: of two writers only one may win.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    mend: 'Send less than 16 KB of headers.',
  },
  internal: {
    status: 500,
    title: 'Something broke inside canaryd',
    mend: 'Give `requestId` to whoever runs canaryd: the log has the cause. Running rollouts go on.',
  },
  'database-unavailable': {
    status: 503,
    title: 'The database does not answer',
    mend: 'Send the request again, with the same Idempotency-Key if it had one. To go back without canaryd see docs/runbooks/emergency-without-canaryd.md.',
    retryAfterSeconds: 2,
  },
  'kubernetes-unavailable': {
    status: 503,
    title: 'The Kubernetes API gave no usable answer',
    mend: 'Nothing was started. Send the request again when the cluster answers.',
    retryAfterSeconds: 5,
  },
  'rollout-unreadable': {
    status: 503,
    title: 'This version of canaryd cannot read the rollout',
    mend: 'A newer version wrote it, or it is damaged. Ask an instance of the newest version; to go back without one type `canaryd break-glass rollback --virtual-service <namespace>/<name>`. See docs/runbooks/quarantined.md.',
    retryAfterSeconds: 5,
  },
  'service-timeout': {
    status: 503,
    title: 'canaryd took too long to answer',
    mend: 'The request may have been carried out: send it again with the same Idempotency-Key, or look first.',
    retryAfterSeconds: 2,
  },
  'shutting-down': {
    status: 503,
    title: 'This instance is shutting down',
    mend: 'Send the request again: another instance answers. Running rollouts go on.',
    retryAfterSeconds: 1,
  },
  'not-ready': {
    status: 503,
    title: 'canaryd cannot do its work now',
    mend: '`parts` says what is missing.',
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, Kind>;

export type Slug = keyof typeof problemKinds;

/** True for the slug of a problem that exists. */
export function isSlug(text: string): text is Slug {
  return Object.hasOwn(problemKinds, text);
}

/** The page behind a problem's `type`, in Markdown. */
export function problemPage(slug: Slug): string {
  const { status, title, mend } = problemKinds[slug];
  return `# ${title}\n\n\`${slug}\`, HTTP ${status}\n\n${mend}\n`;
}
