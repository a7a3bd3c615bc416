import type { Evidence } from './evidence.ts';
import { isMove } from './invariants.ts';
import type { Options } from './options.ts';
import type { Outcome } from './run.ts';
import { faultKinds } from './schedule.ts';

/** The outcome of a run as a table. */
export function tableOf(options: Options, outcome: Outcome): string {
  const { seed, workers, without, aim } = options;
  const { violations } = outcome;
  const title = `chaos: seed ${seed}, ${workers} workers, ${outcome.seconds} s${aim === null ? '' : `, aimed at ${aim}`}${without === null ? '' : `, without ${without}`}`;
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
  return `${[title, ...lines, ...told, ...outcome.histories.flatMap(historyOf)].join('\n')}\n`;
}

/** What is known of one rollout in the order of time: its audit rows, and what the mesh accepted in its name. */
function historyOf({ id, rows, writes }: Evidence): string[] {
  const told = rows.map(({ at, seq, type, actor_kind, facts }) => {
    const move = isMove(facts) ? ` ${facts.from} to ${facts.to} %` : '';
    return { at, text: `audit ${seq} ${type}${move} by ${actor_kind}` };
  });
  const made = writes.map(({ at, share, epoch, byCanaryd }) => {
    const who = byCanaryd ? `canaryd, epoch ${epoch}` : 'somebody else';
    return { at, text: `mesh  ${share} % by ${who}` };
  });
  const all = [...told, ...made].sort((a, b) => a.at - b.at);
  const began = all[0]?.at ?? 0;
  const lines = all.map(({ at, text }) => `${((at - began) / 1000).toFixed(3).padStart(9)} s  ${text}`);
  return [`HISTORY ${id}`, ...lines];
}
