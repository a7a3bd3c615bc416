import { describe, expect, it } from 'vitest';
import { newLines } from '../../demo/live/plain.ts';
import { baking, moments, stateOf } from './states.ts';

describe('the live demo in plain lines', () => {
  it('tells everything once, in the order of time, without a single control character', () => {
    const lines = newLines(null, moments['rolled back']);
    expect(lines).toMatchInlineSnapshot(`
      [
        "05:45:41Z You started a release: v1 to v2.",
        "05:45:50Z Checks at 5 %: errors 0.05 % pass, p99 240 ms pass; 500 requests.",
        "05:45:51Z Checks at 5 %: errors 0.05 % pass, p99 251 ms pass; 501 requests.",
        "05:45:52Z Checks at 20 %: errors 0.05 % pass, p99 243 ms pass; 502 requests.",
        "05:45:53Z Checks at 20 %: errors 0.05 % pass, p99 244 ms pass; 503 requests.",
        "05:45:54Z Checks at 20 %: errors 0.05 % pass, p99 243 ms pass; 504 requests.",
        "05:46:01Z Weight of v2 went from 5 % to 20 %, read back: 20 % of traffic on v2 (canary), 80 % of traffic on v1 (stable).",
        "05:46:03Z Checks at 20 %: errors 0.05 % pass, p99 4178 ms FAIL; 533 requests.",
        "          rolled_back: 20 % of traffic on v2 (canary), 80 % of traffic on v1 (stable). Looks again in 1 s and goes on at 05:46:21Z or later, when every check has passed at this weight; rolls back by itself if a guard fails, and at 06:45:40Z at the latest.",
        "          Keys: s slow, b break Prometheus, q quit",
      ]
    `);
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
    expect(newLines(moments['rolled back'], moments['rolled back'])).toEqual([]);
  });

  it('tells a new decision and nothing that was told before', () => {
    const before = stateOf();
    const decision = { at: '2026-11-23T05:46:09.000Z', by: 'you' as const, text: 'You\u001b[2J broke v2.' };
    const after = { ...before, decisions: [...before.decisions, decision] };
    expect(newLines(before, after)).toEqual(['05:46:09Z You?[2J broke v2.']);
  });

  it('says that a value is missing instead of showing none', () => {
    expect(newLines(null, moments.holding).join('\n')).toContain('p99 no value FAIL');
  });

  it('says where traffic is whenever the status is new', () => {
    const before = stateOf();
    const after = stateOf({ status: 'paused' });
    expect(newLines(before, { ...after, decisions: before.decisions, polls: before.polls })).toEqual([
      `          paused: ${baking.explanation.traffic} ${baking.explanation.next}`,
    ]);
  });

  it('prints how to reach canaryd when somebody asks', () => {
    const before = stateOf();
    const access = ['export API=http://127.0.0.1:1', 'export TOKEN=t'];
    expect(newLines(before, { ...before, access })).toEqual(access);
    expect(newLines({ ...before, access }, { ...before, access })).toEqual([]);
  });

  it('says what is awaited, and names the keys once', () => {
    const waiting = stateOf({}, { release: null, notice: 'Starting canaryd ...', decisions: [], polls: [] });
    expect(newLines(null, waiting)).toEqual([
      'Starting canaryd ...',
      '          Keys: s slow, b break Prometheus, q quit',
    ]);
    expect(newLines(waiting, { ...waiting, notice: 'Waiting ...' })).toEqual(['Waiting ...']);
  });
});
