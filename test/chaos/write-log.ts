import { type Json, type JsonObject, listAt, textAt, at as valueAt } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import type { ObjectStore } from '../../src/sandbox/store.ts';

/** A change that the mesh accepted, whatever its writer was told. */
export type AcceptedWrite = {
  /** Milliseconds by this machine's clock, which is PostgreSQL's here, too. */
  at: number;
  service: string;
  /** Whom canaryd's annotations name after it. */
  rolloutId: string;
  epoch: number;
  /** False for the change of somebody else, who leaves canaryd's annotations as they are. */
  byCanaryd: boolean;
  /** Shares in percent after it, by version. */
  shares: Record<string, number>;
};
export type WriteLog = readonly AcceptedWrite[];

/** Writes down every change of a VirtualService from now on. */
export function follow(store: ObjectStore): WriteLog {
  const log: AcceptedWrite[] = [];
  store.history.follow(({ key, before, after }) => {
    if (key.type !== virtualServices || after === null) return;
    const [was, is] = [ownerOf(before ?? {}), ownerOf(after)];
    const byCanaryd = was.rolloutId !== is.rolloutId || was.epoch !== is.epoch;
    log.push({ at: Date.now(), service: key.name, ...is, byCanaryd, shares: sharesIn(after) });
  });
  return log;
}

function ownerOf(object: JsonObject): { rolloutId: string; epoch: number } {
  const annotation = (name: string) => textAt(object, 'metadata', 'annotations', `canaryd.io/${name}`);
  return { rolloutId: annotation('rollout'), epoch: Number(annotation('epoch')) };
}

/** The shares of the first route, in percent by subset. */
function sharesIn(object: JsonObject): Record<string, number> {
  const [http] = listAt(object, 'spec', 'http');
  const weights = listAt(http, 'route').map(
    (one) => [subsetOf(one), Number(valueAt(one, 'weight') ?? 0)] as const,
  );
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  return Object.fromEntries(weights.map(([subset, weight]) => [subset, (100 * weight) / total]));
}

function subsetOf(destination: Json): string {
  return textAt(destination, 'destination', 'subset');
}
