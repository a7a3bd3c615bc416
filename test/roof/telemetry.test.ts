import { describe, expect, it } from 'vitest';
import { afterFailure } from '../../src/rollout/quarantine.ts';
import { telemetry } from '../../src/telemetry.ts';
import { aRollout, rolloutId, start, targetNamed } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';

describe('the metrics of canaryd', () => {
  it('count rollouts in quarantine, and are answered with a row that cannot be read', async () => {
    const clock = { now: start };
    const store = memoryStore({ now: () => clock.now });
    await store.create(aRollout(), [], null);
    await store.create(aRollout({ id: rolloutId(2), target: targetNamed('ledger') }), [], null);
    store.spoil(rolloutId(2));
    const { text } = telemetry(store);
    expect(await text()).toContain('canaryd_rollouts_quarantined 0\n');
    for (let time = 0; time < 5; time += 1) {
      const claim = await store.claim(rolloutId(1), 'w', 15);
      await store.fail(rolloutId(1), claim?.epoch ?? -1, (turn) => afterFailure(turn, 'TypeError'));
      clock.now += 61_000;
    }
    expect(await text()).toContain('canaryd_rollouts_quarantined 1\n');
    expect(await text()).toContain('canary_weight{');
  });
});
