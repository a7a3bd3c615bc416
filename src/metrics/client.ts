import { PrometheusDriver } from 'prometheus-query';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { Millis } from '../rollout/units.ts';
import { type Answer, readAnswer } from './answer.ts';

const maxAnswerBytes = 1024 * 1024;

type PrometheusAuth = { username: string; password: string } | { bearerToken: string };

export type PrometheusAddress = {
  /** Base address, such as `http://prometheus.monitoring:9090`; may carry a path and `user:password@`. */
  url: string;
  auth?: PrometheusAuth;
  /** Further headers, such as a tenant's `X-Scope-OrgID`. */
  headers?: Record<string, string>;
};

/** A PromQL query and the instant it is evaluated at; null leaves the instant to the provider's own clock. */
type Question = { query: string; at: Millis | null };

export type PrometheusClient = {
  /** Answers, never throws; ends when `signal` aborts. */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
};

/**
 * A client for Prometheus's query API that judges every answer by its raw text: prometheus-query itself turns
 * infinities into NaN, loses warnings and throws objects that hold the password. Throws `configuration` when the
 * address is no http or https URL.
 */
export function prometheusClient(address: PrometheusAddress): PrometheusClient {
  const { endpoint, host, auth } = readAddress(address);
  const basic = auth !== undefined && 'username' in auth ? { auth } : {};
  const bearer =
    auth !== undefined && 'bearerToken' in auth ? { Authorization: `Bearer ${auth.bearerToken}` } : {};
  const headers = { ...address.headers, ...bearer };

  async function ask({ query, at }: Question, signal: AbortSignal): Promise<Answer> {
    const received: { status: number; body: unknown }[] = [];
    const driver = new PrometheusDriver({
      endpoint,
      headers,
      ...basic,
      requestInterceptor: {
        onFulfilled: (config) => {
          // The driver's own clock would answer `time()` with itself.
          if (at === null && config.params instanceof URLSearchParams) config.params.delete('time');
          const limits = { signal, maxRedirects: 0, maxContentLength: maxAnswerBytes, proxy: false } as const;
          return Object.assign(config, limits, { validateStatus: () => true });
        },
      },
      responseInterceptor: {
        onFulfilled: (response) => {
          received.push({ status: response.status, body: response.data });
          return response;
        },
      },
    });
    const thrown = await driver.instantQuery(query, at ?? undefined).then(
      () => null,
      (error: unknown) => error,
    );
    const answer = received[0];
    const outcome = answer ? readAnswer(answer.status, answer.body) : noAnswer(thrown, signal);
    return outcome.kind === 'rows'
      ? outcome
      : { kind: 'failed', why: `Prometheus at ${host} ${outcome.why}` };
  }

  return { ask };
}

function readAddress({ url, auth }: PrometheusAddress) {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new AppError('configuration', "Prometheus's address is an http or https URL");
  }
  const { username, password, host, origin, pathname } = parsed;
  const inUrl = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return {
    endpoint: `${origin}${pathname.replace(/\/+$/, '')}`,
    host,
    auth: auth ?? (username ? inUrl : undefined),
  };
}

const Thrown = z.looseObject({ code: z.string() });

const reasons: Record<string, string> = {
  ECONNREFUSED: 'refused the connection',
  ECONNABORTED: 'gave no answer in time',
  ETIMEDOUT: 'gave no answer in time',
  ECONNRESET: 'broke the connection off',
  ENOTFOUND: 'cannot be found: its name does not resolve',
  EAI_AGAIN: 'cannot be found: its name does not resolve',
  EHOSTUNREACH: 'cannot be reached over the network',
  ENETUNREACH: 'cannot be reached over the network',
  ERR_BAD_RESPONSE: 'broke off its answer, or answered with more than 1 MB',
};

// The thrown object holds the request with its password: only its code is taken.
function noAnswer(thrown: unknown, signal: AbortSignal): { kind: 'failed'; why: string } {
  if (signal.aborted) return { kind: 'failed', why: 'gave no answer in time' };
  const parsed = Thrown.safeParse(thrown);
  // No code, but a response: it ended in the middle.
  if (!parsed.success) return { kind: 'failed', why: 'broke off its answer' };
  const { code } = parsed.data;
  return { kind: 'failed', why: reasons[code] ?? `gave no answer (${code})` };
}
