import { request as open } from 'node:https';
import { expect } from 'vitest';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { textAt } from '../../src/sandbox/json.ts';
import { AnyObject, type Exchange } from './k8s-recording.ts';
import { perform, type Stage, translatePath } from './k8s-stage.ts';

/** Opens the watch, lets the others act, lets its time pass, and compares what came with what was recorded. */
export async function replayWatch(stage: Stage, exchange: Exchange): Promise<void> {
  const { expected, request } = exchange;
  const path = translatePath(request.path, stage.known);
  const watch = await openWatch(stage.server, path, request.headers);
  await perform(stage, exchange.meanwhile);
  const seconds = Number(/timeoutSeconds=(\d+)/.exec(path)?.[1] ?? 0);
  stage.clock.pass(seconds * 1000);
  const events = await watch.events;
  expect([watch.status, watch.contentType]).toEqual([expected.status, expected.contentType]);
  const recorded = expected.events ?? [];
  expect(events.filter(isNews)).toMatchObject(recorded.filter(isNews));
  expect(events.filter(isNews)).toHaveLength(recorded.filter(isNews).length);
  checkBookmarks(events, recorded);
  checkVersions(events);
}

const isNews = (event: JsonObject) => event['type'] !== 'BOOKMARK';
const isMarker = (event: JsonObject) =>
  textAt(event, 'object', 'metadata', 'annotations', endMark) === 'true';
const endMark = 'k8s.io/initial-events-end';

/** When bookmarks come depends on the server's jitter: that they come, and what they hold, does not. */
function checkBookmarks(events: readonly JsonObject[], recorded: readonly JsonObject[]): void {
  const bookmarks = events.filter((event) => !isNews(event));
  expect(bookmarks.length > 0).toBe(recorded.some((event) => !isNews(event)));
  expect(events.filter(isMarker)).toHaveLength(recorded.filter(isMarker).length);
  for (const { object } of bookmarks.filter((event) => !isMarker(event))) {
    const metadata = { resourceVersion: expect.stringMatching(/^\d+$/) };
    expect(object).toEqual({ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata });
  }
}

/** What happened later comes later. */
function checkVersions(events: readonly JsonObject[]): void {
  const versions = events.map((event) => Number(textAt(event, 'object', 'metadata', 'resourceVersion')));
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
}

type OpenWatch = { status: number; contentType: string | undefined; events: Promise<JsonObject[]> };

/** Resolves with the headers; `events` resolves when the server has ended the answer. */
function openWatch(
  server: { url: string; ca: string },
  path: string,
  headers: Record<string, string>,
): Promise<OpenWatch> {
  return new Promise((resolve, reject) => {
    const options = { headers, ca: server.ca, agent: false, signal: AbortSignal.timeout(5000) };
    const sent = open(`${server.url}${path}`, options, (reply) => {
      const events = (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of reply) chunks.push(Buffer.from(chunk));
        const lines = Buffer.concat(chunks).toString().split('\n');
        return lines.filter((line) => line !== '').map((line) => AnyObject.parse(JSON.parse(line)));
      })();
      resolve({ status: reply.statusCode ?? 0, contentType: reply.headers['content-type'], events });
    });
    sent.on('error', reject);
    sent.end();
  });
}
