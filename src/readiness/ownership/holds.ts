import { defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { bounded, error, orPass } from '../judgement.ts';
import type { StandingHold, Subject } from '../snapshot.ts';

/** Hold orders of canaryd itself: whatever freezes changes elsewhere is not seen. */
export const nothingHolds = defineCheck({
  id: 'PF-CH-01',
  title: 'No hold order stands over the target',
  family: 'ownership',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['holds'],
  judge: ({ holds }, subject) =>
    orPass(bounded(holds.map((hold) => held(hold, subject))), 'no hold order stands over the target'),
});

function held({ id, scope, by, reason }: StandingHold, { canary }: Subject): Failure {
  const why = reason === null ? 'without a reason' : `because "${reason.trim().slice(0, 200)}"`;
  return error({
    read: `${by} stopped every move forward in ${scope}, ${why} (hold order ${id})`,
    means: `${canary.version} gets no traffic while it stands: a rollout waits for its end`,
    mend: `ask ${by}, and lift it when it is over: curl -sS -X DELETE -H "Authorization: Bearer $TOKEN" "$API/v1/hold/${id}"`,
  });
}
