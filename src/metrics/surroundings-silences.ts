import { z } from 'zod';
import type { Fact, Silence } from '../readiness/snapshot.ts';
import { type Failed, refusedAccess } from './answer.ts';
import { unread } from './surroundings-facts.ts';
import { collected, type Part, pathOf } from './surroundings-lists.ts';

/** Unread, with what to mend of an Alertmanager that is configured. */
export function unreadAlertmanager(why: string): Extract<Fact<never>, { kind: 'unread' }> {
  const mend = "mend the cluster's Alertmanager (`canaryd doctor` says what it answers) and ask again";
  return unread(why, mend);
}

/** A list of an Alertmanager, not yet understood one by one, or why there is none. */
export function readItems(httpStatus: number, body: unknown): { kind: 'items'; items: unknown[] } | Failed {
  if (httpStatus === 200 && Array.isArray(body)) return { kind: 'items', items: body };
  const failed = (why: string): Failed => ({ kind: 'failed', why, fault: 'provider' });
  if (httpStatus !== 200) return refusedAccess(httpStatus) ?? failed(`answered HTTP ${httpStatus}`);
  return failed("answered with something that is not Alertmanager's API: check the address");
}

const Stated = z.looseObject({ status: z.looseObject({ state: z.string() }) });
const Matcher = z.looseObject({
  name: z.string(),
  value: z.string(),
  isRegex: z.boolean(),
  // Alertmanagers before 0.22 know no negative matchers.
  isEqual: z.boolean().default(true),
});
const Active = z.looseObject({
  id: z.string(),
  matchers: z.array(Matcher),
  endsAt: z.iso.datetime({ offset: true }),
  createdBy: z.string().default(''),
  comment: z.string().default(''),
});

/** Those that hold now. One that is not understood is a gap, unless it says that it does not hold. */
export function silencesFrom(silences: readonly unknown[]): Fact<Silence[]> {
  return collected(silences.flatMap(silenceOf), []);
}

function silenceOf(silence: unknown): Part<Silence>[] {
  const state = Stated.safeParse(silence).data?.status.state;
  if (state === 'expired' || state === 'pending') return [];
  const { data: active, error } = Active.safeParse(silence);
  if (active === undefined) return [{ gap: `a silence is not understood: ${pathOf(error)}` }];
  const { id, matchers, endsAt, createdBy, comment } = active;
  const own = matchers.map(({ name, value, isRegex, isEqual }) => ({ name, value, isRegex, isEqual }));
  return [
    { one: { id, matchers: own, endsAt: Date.parse(endsAt), createdBy: createdBy || 'somebody', comment } },
  ];
}
