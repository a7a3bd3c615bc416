import { readFile } from 'node:fs/promises';
import { AppError, codeOf } from '../errors.ts';

export type Address = {
  /** Base address, such as `http://prometheus.monitoring:9090`; may carry a path and `user:password@`. */
  url: string;
  auth?: Credentials;
  /** Further headers, such as a tenant's `X-Scope-OrgID`. */
  headers?: Record<string, string>;
};

type Credentials = { username: string; password: string } | { bearerToken: string };

/** A secret, or the file that holds it: such a file is renewed while canaryd runs. */
type Secret = { kind: 'text'; text: string } | { kind: 'file'; path: string };

/** Where a provider answers and how it is asked, with secrets that may stand in files. */
export type Provider = {
  url: string;
  auth:
    | { kind: 'none' }
    | { kind: 'basic'; user: string; password: Secret }
    | { kind: 'bearer'; token: Secret };
  headers: Record<string, string>;
};

/** Whose address it is, for people. */
type Whose = 'Prometheus' | 'Alertmanager';

/**
 * The address with its secrets, as they stand in their files now.
 * @returns why not, when a file cannot be read; the reason names the file and not what it holds
 */
export async function addressOf(
  { url, headers, auth }: Provider,
  whose: Whose,
): Promise<{ kind: 'address'; address: Address } | { kind: 'broken'; why: string }> {
  if (auth.kind === 'none') return { kind: 'address', address: { url, headers } };
  const secret = await readSecret(auth.kind === 'basic' ? auth.password : auth.token, whose);
  if (secret.kind === 'broken') return secret;
  const { text } = secret;
  const credentials = auth.kind === 'basic' ? { username: auth.user, password: text } : { bearerToken: text };
  return { kind: 'address', address: { url, headers, auth: credentials } };
}

async function readSecret(
  secret: Secret,
  whose: Whose,
): Promise<{ kind: 'text'; text: string } | { kind: 'broken'; why: string }> {
  if (secret.kind === 'text') return secret;
  try {
    const text = (await readFile(secret.path, 'utf8')).trim();
    // Else it could end the header that it stands in.
    if (/^[^\p{Cc}]+$/u.test(text)) return { kind: 'text', text };
    return {
      kind: 'broken',
      why: `the file ${secret.path} does not hold one line of text: write the secret into it`,
    };
  } catch (error) {
    const why = codeOf(error) ?? 'unknown reason';
    return {
      kind: 'broken',
      why: `the file ${secret.path} with the credentials of ${whose} cannot be read: ${why}`,
    };
  }
}

/**
 * An address apart: where to send to, without a slash at its end and without what the URL carries of credentials.
 * @throws AppError `configuration` when it is no http or https URL, or its credentials cannot be decoded
 */
export function readAddress(
  { url, auth }: Address,
  whose: Whose,
): { endpoint: string; host: string; auth: Credentials | undefined } {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new AppError('configuration', `${whose}'s address is an http or https URL`);
  }
  const { username, password, host, origin, pathname } = parsed;
  return {
    endpoint: `${origin}${pathname.replace(/\/+$/, '')}`,
    host,
    auth:
      auth ??
      (username ? { username: decoded(username, whose), password: decoded(password, whose) } : undefined),
  };
}

function decoded(text: string, whose: Whose): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The error quotes the text, which may be a password.
    throw new AppError(
      'configuration',
      `the user or the password in clusters[].${whose.toLowerCase()}.url has a "%" that encodes nothing: write it as %25, or take both out of the URL and set user and passwordFile`,
    );
  }
}
