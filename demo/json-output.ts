import type { CheckSeen } from './client.ts';
import type { Output } from './text-output.ts';

/** The demo as JSON lines on standard output; the last one is the summary, or says why the demo failed. */
export function jsonOutput(): Output {
  return {
    preparing: (text) => print({ event: 'preparing', text }),
    ready: ({ api, prometheusUrl }, seconds) =>
      print({ event: 'ready', api, prometheusUrl, startSeconds: Math.round(seconds * 10) / 10 }),
    started: (scenario, { id }) =>
      print({ event: 'release', scenario: scenario.name, title: scenario.title, rollout: id }),
    happened: (scenario, event) =>
      print({
        event: 'audit',
        scenario: scenario.name,
        at: event.at,
        type: event.type,
        message: event.message,
      }),
    waiting: (scenario, what, at) => print({ event: 'waiting', scenario: scenario.name, at, what }),
    measured: (scenario, checks, at) =>
      print({ event: 'checks', scenario: scenario.name, at, checks: checks.map(brief) }),
    ended: (result) => print({ event: 'result', ...result }),
    // The summary is the last line.
    stopped: () => undefined,
    failed: (text) => print({ event: 'failed', text }),
    staysUp: ({ api }) => print({ event: 'staysUp', api }),
    summary: (results) => print({ summary: results }),
  };
}

function brief({ id, verdict, canary, limit, unit }: CheckSeen) {
  return {
    check: id,
    verdict,
    value: canary?.value ?? null,
    unit,
    limit,
    requests: canary?.requests ?? null,
  };
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
