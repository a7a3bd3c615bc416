import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { logFactorAgainstStable } from '../../src/analysis/sequential/count-evidence.ts';
import { count, evidence } from '../../src/analysis/sequential/figures.ts';
import { worse } from '../../src/analysis/sequential/mixture.ts';
import { openJudge } from '../../src/analysis/sequential/open-judge.ts';
import type { JudgeState } from '../../src/analysis/sequential/state.ts';
import { verdictOf } from '../../src/analysis/sequential/verdict-of.ts';
import { withPoll } from '../../src/analysis/sequential/with-poll.ts';
import { whyOf } from '../../src/analysis/sequential/words.ts';
import { JudgementOnWire } from '../../src/api/judgement-wire.ts';
import { wrapped } from '../../src/cli/terminal.ts';
import { judgeSettingsOf } from '../../src/rollout/judge-settings.ts';
import { Plan } from '../../src/rollout/plan.ts';

const page = await readFile(new URL('../../docs/guides/how-a-decision-is-made.md', import.meta.url), 'utf8');
const blockAfter = (mark: string) =>
  new RegExp(`<!-- ${mark} -->\n\`\`\`\\w+\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
const plan = Plan.parse(parse(blockAfter('judged-plan')));
const settings = judgeSettingsOf(plan);
const step = { seconds: 600, isTimed: false };

/** Stable's half hour before: three pods that differ by as much as chance makes them. */
const pods = [0, 1, 2].map((pod) =>
  Array.from({ length: 30 }, (_, minute) => {
    return { requests: 2000, errors: 8 + ((minute * 7 + pod * 11) % 5), buckets: [] };
  }),
);

/** The rows of the example: seconds, bad of all requests of both arms, and what is said to come of it. */
const rows = [...page.matchAll(/^\| (\d+) s \| (\d+) of (\d+) \| (\d+) of (\d+) \| (\S+) \| (.*) \|$/gm)].map(
  ([, ...cells]) => cells,
);

describe('the guide to decisions', () => {
  it('shows what the sequential judge really makes of its example, poll by poll', () => {
    let state: JudgeState = openJudge({ boundsMs: [], pods }, settings);
    const said = rows.map(([seconds = '', bad, all, stableBad, stableAll]) => {
      const at = Number(seconds);
      const poll = {
        at,
        step: 1,
        stepSeconds: at,
        share: 5,
        canary: armOf(bad, all),
        stable: armOf(stableBad, stableAll),
      };
      const judged = withPoll(state, poll, settings, step);
      state = judged.state;
      const { decision, reason } = judged.ruling;
      return [evidence(judged.evidence), `\`${decision}\`, \`${reason}\``];
    });
    expect(rows).toHaveLength(6);
    expect(said).toEqual(rows.map((row) => row.slice(5)));
    const told = { canary: 'v2', share: 5, stepSeconds: 60, settings };
    const sentence = `Rolling back: ${whyOf(verdictOf(state, settings, step), told)}`;
    expect(`${wrapped(sentence)}\n`).toBe(blockAfter('judged-sentence'));
  });

  it('computes the factor of one bet as the judge does', () => {
    const counts = { canaryBad: 3, canaryRequests: 50, stableBad: 5, stableRequests: 950 };
    const factor = Math.exp(logFactorAgainstStable(counts, settings.errors, 5));
    expect(page).toContain(`= ${factor.toPrecision(3)}\n`);
    expect([worse.includes(5), worse.length, worse[0], worse.at(-1)]).toEqual([true, 6, 1.5, 30]);
  });

  it('names tolerance, proof and evidence as they are set', () => {
    const { errors, promote, falseRollbackRate, backstopSeconds } = settings;
    expect([errors.ratio, errors.excess, promote.errors.ratio, promote.confidence]).toEqual([
      1.25, 0.0005, 1.5, 0.95,
    ]);
    expect([count(1 / falseRollbackRate), backstopSeconds, promote.minSeconds]).toEqual(['100', 300, 60]);
  });

  it('explains every field of a judgement that is there, and every ruling', () => {
    const explained = page.slice(page.indexOf('### What its numbers mean'), page.indexOf('### What it guar'));
    const fields = Object.keys(JudgementOnWire.shape).filter(
      (name) => !['at', 'weight', 'metrics'].includes(name),
    );
    expect(fields.filter((name) => !explained.includes(`\`${name}\``))).toEqual([]);
    const { decision, reason } = JudgementOnWire.shape.ruling.shape;
    // Said only where the judge keeps the time itself, as in a replay.
    const elsewhere: string[] = ['inconclusive', 'unproven'];
    const live = decision.options.filter((name) => !elsewhere.includes(name));
    const reasons = reason.options.filter((name) => !elsewhere.includes(name));
    expect([...live, ...reasons].filter((name) => !explained.includes(`\`${name}\``))).toEqual([]);
  });
});

function armOf(bad: string | undefined, requests: string | undefined) {
  return { requests: Number(requests), errors: Number(bad), buckets: [] };
}
