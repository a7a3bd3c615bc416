import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Log } from '../../src/log.ts';
import type { Housekept } from '../../src/store/housekeeping.ts';
import { startHousekeeping } from '../../src/worker.ts';

const hour = 3_600_000;
const nothing: Housekept = { kind: 'done', made: [], moved: 0, dropped: [], postponed: [] };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function aHousekeeper(keep: () => Promise<Housekept>) {
  const said: unknown[] = [];
  const say = (fields: Record<string, unknown>, message: string) => said.push([message, fields]);
  const log: Log = { info: say, warn: say, error: say };
  return { chore: startHousekeeping(keep, log), said };
}

describe('a worker keeps house', () => {
  it('at once and then every hour, until it is closed', async () => {
    const keep = vi.fn(async () => nothing);
    const { chore, said } = aHousekeeper(keep);
    expect(keep).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(2 * hour);
    expect(keep).toHaveBeenCalledTimes(3);
    await chore.close();
    await vi.advanceTimersByTimeAsync(2 * hour);
    expect(keep).toHaveBeenCalledTimes(3);
    expect(said).toEqual([]);
  });

  it('and says what came, what went and what was in use', async () => {
    const { chore, said } = aHousekeeper(async () => ({
      kind: 'done',
      made: ['audit_2027_02'],
      moved: 3,
      dropped: ['measurement_2026_08'],
      postponed: ['measurement_2026_07'],
    }));
    await chore.close();
    expect(said).toEqual([
      ['made room for months to come', { partitions: ['audit_2027_02'], rowsMoved: 3 }],
      ['dropped what is older than the retention', { partitions: ['measurement_2026_08'] }],
      ['partitions were in use: they are tried again in an hour', { partitions: ['measurement_2026_07'] }],
    ]);
  });

  it('and leaves it to another worker that does it now', async () => {
    const { chore, said } = aHousekeeper(async () => ({ kind: 'elsewhere' }));
    await chore.close();
    expect(said).toEqual([]);
  });

  it('and survives a failure, says so without its message, and tries again', async () => {
    const keep = vi.fn(() => Promise.reject(new Error('postgres://user:secret@db is down')));
    const { chore, said } = aHousekeeper(keep);
    await vi.advanceTimersByTimeAsync(hour);
    expect(keep).toHaveBeenCalledTimes(2);
    expect(said[0]).toEqual(['housekeeping failed: it is tried again in an hour', { failure: 'Error' }]);
    expect(JSON.stringify(said)).not.toContain('secret');
    await chore.close();
  });

  it('and has finished what it was at when it is closed', async () => {
    let finish: (kept: Housekept) => void = () => undefined;
    const { chore } = aHousekeeper(() => new Promise((resolve) => (finish = resolve)));
    let isClosed = false;
    const closing = chore.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect(isClosed).toBe(false);
    finish(nothing);
    await closing;
  });
});
