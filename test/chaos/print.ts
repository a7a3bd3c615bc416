import type { Options } from './options.ts';
import type { Outcome } from './run.ts';
import { faultKinds } from './schedule.ts';

/** The outcome of a run as a table. */
export function tableOf(options: Options, outcome: Outcome): string {
  const { seed, workers, without } = options;
  const { violations } = outcome;
  const title = `chaos: seed ${seed}, ${workers} workers, ${outcome.seconds} s${without === null ? '' : `, without ${without}`}`;
  const rows: [string, number][] = [
    ...faultKinds.map((kind): [string, number] => [`fault ${kind}`, outcome.faults.get(kind) ?? 0]),
    ...[...outcome.rollouts].sort().map(([status, count]): [string, number] => [`rollouts ${status}`, count]),
    ['turns', outcome.turns],
    ['writes of VirtualServices', outcome.writes],
    ['violations', violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(6)}`);
  const told = violations.map(({ rollout, says }) => `VIOLATION ${rollout}: ${says}`);
  return `${[title, ...lines, ...told].join('\n')}\n`;
}
