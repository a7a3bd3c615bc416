import { describe, expect, it } from 'vitest';
import { judgeMark } from '../../src/rollout/orphans.ts';
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

  it('are answered without a database, which they say, and tell nothing of rollouts that was true before', async () => {
    const store = memoryStore({ now: () => start });
    await store.create(aRollout(), [], null);
    let isDown = false;
    const { text } = telemetry({
      quarantined: store.quarantined,
      list: (query) => (isDown ? Promise.reject(new Error('connection refused')) : store.list(query)),
    });
    expect(await text()).toContain('canaryd_database_up 1\n');
    isDown = true;
    const lost = await text();
    expect(lost).toContain('canaryd_database_up 0\n');
    expect(lost).toContain('canaryd_turns_total');
    expect(lost).not.toMatch(/^(?:canary_weight\{|canaryd_rollouts_quarantined )/m);
  });

  it('show each split that no rollout watches, until it is gone', async () => {
    const { text, showOrphans } = telemetry(memoryStore({ now: () => start }));
    const place = { cluster: 'eu', namespace: 'shop', virtualService: 'payment' };
    const owner = { rolloutId: rolloutId(1), epoch: 1 };
    const rest = { uid: 'u', owner, rolledBack: null, noted: 'unreadable' as const, routes: [] };
    const orphan = judgeMark({ ...place, ...rest, managed: [] }, null);
    showOrphans(orphan === null ? [] : [orphan]);
    const line = 'canaryd_orphan_splits{cluster="eu",namespace="shop",virtual_service="payment"} 1';
    expect(await text()).toContain(line);
    showOrphans([]);
    expect(await text()).not.toContain(line);
  });
});
