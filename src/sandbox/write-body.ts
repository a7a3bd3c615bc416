import { parse } from 'yaml';
import type { Json } from './json.ts';
import type { ApiRequest } from './request.ts';
import { badRequest, failure, type Reply } from './status.ts';
import type { WriteOptions } from './write-options.ts';

export function unknownFieldWarnings(unknown: readonly string[], options: WriteOptions): string[] {
  return options.fieldValidation === 'Warn' ? unknown.map((path) => `unknown field "${path}"`) : [];
}

/** The media type without parameters; the API server compares it case by case. */
export function mediaType(request: ApiRequest): string {
  return (request.contentType.split(';')[0] ?? '').trim();
}

/** What the built-in kinds answer to a patch in another format. */
export function unsupportedPatch(): Reply {
  const message = '415: Unsupported Media Type';
  return failure({ code: 415, reason: 'UnsupportedMediaType', message, details: {} });
}

export function unsupportedMedia(accepted: readonly string[]): Reply {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return failure({ code: 415, reason: 'UnsupportedMediaType', message });
}

export function undecodableBody(kind: string): Reply {
  const why = `couldn't get version/kind; json parse error: unexpected end of JSON input`;
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why}`);
}

/** The parsed body, JSON or (where the content type says so) YAML; undefined when it is neither. */
export function parseBody(request: ApiRequest): Json | undefined {
  if (mediaType(request) !== 'application/yaml') return parseJson(request.body);
  try {
    return parse(request.body);
  } catch {
    return undefined;
  }
}

/** The parsed text, or undefined when it is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
