import { Plan } from '../../../src/rollout/plan.ts';
import { Recording } from '../../../src/rollout/replay/recording.ts';

/** The bank's two checks, every 15 seconds: 5 and 25 percent for five minutes each, then all for five minutes. */
export const plan = Plan.parse({
  interval: '15s',
  checks: {
    errors: { metric: 'errorRate', max: '1%', window: '60s', minRequests: 100 },
    p99: { metric: 'p99LatencyMs', max: 2000, window: '60s', minRequests: 100 },
  },
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '5m' },
    { type: 'setWeight', weight: 25 },
    { type: 'bake', duration: '5m' },
    { type: 'promote', bake: '5m' },
  ],
});

const scrapeSeconds = 15;
const boundsMs = [100, 250, 500, 1000, 2500];
const requestsPerPoll = 3000;
const pollsPerStep = 20;
const shares = [5, 25, 100];

/** How an arm answers: the ratio of errors, and that of requests that take between 1 and 2.5 s. */
type Answers = { errors: number; slow: number };
const usual: Answers = { errors: 0.005, slow: 0.005 };

type Arm = NonNullable<Recording['polls'][number]['canary']>;

/** What an arm counted at the poll with this number: whole errors that come as evenly as their ratio lets them. */
function counted(number: number, requests: number, { errors, slow }: Answers): Arm {
  const errorsBy = (polls: number) => Math.floor(polls * errors * requests + 0.5);
  const slowly = slow * requests;
  const fast = requests - slowly;
  return {
    requests,
    errors: errorsBy(number + 1) - errorsBy(number),
    buckets: [fast * 0.6, fast * 0.3, fast * 0.08, fast * 0.02, slowly, 0],
  };
}

/** What differs at one poll from two healthy arms; null where an arm was not scraped. */
type Differing = { canary?: Answers | null; stable?: Answers | null };

/** A recording of so many polls, 20 a step, with ten pods of stable before it; `differing` by the number of the poll. */
export function recorded(count: number, differing: (number: number) => Differing = () => ({})): Recording {
  const minute = counted(0, 1200, usual);
  const polls = Array.from({ length: count }, (_, number) => {
    const share = shares[Math.min(shares.length - 1, Math.floor(number / pollsPerStep))] ?? 100;
    const { canary = usual, stable = usual } = differing(number);
    const part = (requestsPerPoll * share) / 100;
    return {
      at: scrapeSeconds * (number + 1),
      share,
      canary: canary && counted(number, part, canary),
      stable: stable && counted(number, requestsPerPoll - part, stable),
    };
  });
  const pods = Array.from({ length: 10 }, () => Array.from({ length: 30 }, () => minute));
  return Recording.parse({ scrapeSeconds, boundsMs, baseline: { pods }, polls });
}
