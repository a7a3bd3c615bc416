import type { RolloutSeen } from '../client.ts';
import { chart } from './chart.ts';
import { clipped, type Line, padded, piece } from './line.ts';
import { measured, percent, timeOfDay } from './numbers.ts';
import { standing, stepName } from './rail.ts';
import type { Poll, ScreenState, Size } from './state.ts';
import { symbolsOf } from './symbols.ts';

/** What there is room for beside the screen of 80 columns: the plan, the checks over time and the polls. */
export function sidePane(state: ScreenState, release: RolloutSeen, { columns, rows }: Size): Line[] {
  const parts = [planList(state, release), ...release.checks.map((check) => chart(state, check, columns))];
  const lines = parts.flatMap((part) => [...part, []]);
  const table = pollTable(state, release, rows - lines.length);
  return [...lines, ...table].slice(0, rows).map((line) => clipped(line, columns, symbolsOf(state).ellipsis));
}

function planList(state: ScreenState, release: RolloutSeen): Line[] {
  const symbols = symbolsOf(state);
  const steps = release.plan.steps.map((step, index) => {
    const { mark, style, words } = standing(state, release, index);
    return [
      piece(
        `${symbols[mark]} ${String(index + 1).padStart(2)}  ${stepName(step).padEnd(12)} ${words}`,
        style,
      ),
    ];
  });
  return [[piece(`PLAN ${release.plan.name}`, 'dim')], ...steps];
}

/** The polls, newest first, with the canary's value before that of stable. */
function pollTable({ polls }: ScreenState, { checks }: RolloutSeen, rows: number): Line[] {
  if (polls.length === 0 || rows < 3) return [];
  const width = 22;
  const titles = checks.map(({ id }) => padded([piece(`${id} / stable`, 'dim')], width));
  const title = [piece('POLL       SHARE   ', 'dim'), ...titles.flat(), piece('REQUESTS', 'dim')];
  const row = (poll: Poll): Line => [
    piece(`${timeOfDay(poll.at)}  ${percent(poll.share).padStart(5)}   `),
    ...checks.flatMap(({ id, unit }) => {
      const found = poll.checks.find((check) => check.id === id);
      const values = `${measured(found?.canary ?? null, unit)} / ${measured(found?.stable ?? null, unit)}`;
      return padded([piece(values, found?.verdict === 'fail' ? 'bad' : 'plain')], width);
    }),
    piece(requestsOf(poll)),
  ];
  return [
    title,
    ...polls
      .toReversed()
      .slice(0, rows - 1)
      .map(row),
  ];
}

function requestsOf({ checks }: Poll): string {
  const requests = checks[0]?.requests ?? null;
  return requests === null ? '-' : String(Math.round(requests));
}
