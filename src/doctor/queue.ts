import { type QueueFinding, sayFinding } from '../queue/findings.ts';
import { type Check, fail, type Level, ok, warn } from './report.ts';

const levels: Record<QueueFinding['kind'], Level> = {
  unreachable: 'fail',
  refused: 'fail',
  tooOld: 'fail',
  old: 'warn',
  cluster: 'fail',
  replica: 'fail',
  evicts: 'fail',
  full: 'fail',
  clock: 'warn',
};

/** Judges the queue. PostgreSQL's clock has a check of its own. */
export function checkQueue(kind: 'postgres' | 'redis', findings: readonly QueueFinding[]): Check[] {
  if (kind === 'postgres') return [ok('queue', 'in PostgreSQL.')];
  const own = findings.filter((finding) => !(finding.kind === 'clock' && finding.whose === 'process'));
  if (own.length === 0)
    return [ok('queue', 'Redis answers, keeps what it is given, and its clock is right.')];
  return own.map((finding) => {
    const says = `${sayFinding(finding)}.`;
    return levels[finding.kind] === 'warn' ? warn('queue', says) : fail('queue', says);
  });
}
