import type { JsonObject } from './json.ts';

export type Cause = { reason: string; message: string; field: string };

/** One answer of the API server: a JSON object, or text for the few answers that are not Status bodies. */
export type Reply = {
  status: number;
  body: JsonObject | string;
  headers: Record<string, string | string[]>;
  /** In place of the body: what a watch sends for as long as it is open. */
  feed?: Feed;
};

/** Where the events of a watch go; `end` is the clean end of the answer. */
export type Sink = { send(event: JsonObject): void; end(): void };
/** Starts sending; the function given back stops it, once the client has gone. */
export type Feed = (sink: Sink) => () => void;

/** A step of a request that either goes on with a value or ends it with an answer. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; reply: Reply };

export function proceed<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function refuse(reply: Reply): { ok: false; reply: Reply } {
  return { ok: false, reply };
}

export function answer(status: number, body: JsonObject | string, warnings: readonly string[] = []): Reply {
  const headers: Record<string, string | string[]> = {};
  if (warnings.length > 0)
    headers['warning'] = warnings.map((text) => `299 - "${text.replaceAll('"', '\\"')}"`);
  return { status, body, headers };
}

export type Failure = { code: number; message: string; reason?: string; details?: JsonObject };

/** A `Status` body as kube-apiserver writes it; `reason` and `details` are left out, not null, when it sends none. */
export function failure({ code, message, reason, details }: Failure): Reply {
  const head: JsonObject = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message };
  return answer(code, {
    ...head,
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  });
}

export function badRequest(message: string): Reply {
  return failure({ code: 400, reason: 'BadRequest', message });
}

/** A failing patch operation: the server never says which one. */
export function rejectedPatch(): Reply {
  const message = 'the server rejected our request due to an error in our request';
  return failure({ code: 422, reason: 'Invalid', message, details: {} });
}

export function pageNotFound(): Reply {
  return {
    status: 404,
    body: '404 page not found\n',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  };
}

/** The overload answer of the in-flight limit: text, not a Status, with the seconds to wait. */
export function tooManyRequests(): Reply {
  return {
    status: 429,
    body: 'Too many requests, please try again later.\n',
    headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
  };
}

/** A 422 for one object: `subject` is `Kind.group`, as in `VirtualService.networking.istio.io`. */
export function invalid(
  subject: { kind: string; group: string; name: string },
  causes: readonly Cause[],
): Reply {
  const unique = [...new Map(causes.map((cause) => [`${cause.field}: ${cause.message}`, cause])).keys()];
  const list = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
  const who = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
  const details: JsonObject = {
    ...(subject.name === '' ? {} : { name: subject.name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    ...(subject.kind === '' ? {} : { kind: subject.kind }),
    causes: causes.map((cause) => ({ ...cause })),
  };
  return failure({
    code: 422,
    reason: 'Invalid',
    message: `${who} "${subject.name}" is invalid: ${list}`,
    details,
  });
}
