import type { Warns } from './backend.ts';
import { sayFinding } from './findings.ts';
import { type Clocks, inspectQueue } from './inspect.ts';
import type { QueueSource } from './queue.ts';

export type QueueHealth = {
  /** Whether the queue is as it has to be; `why` holds no secret. */
  ready(): Promise<{ ok: boolean; why?: string }>;
};

/**
 * Looks at the queue when asked, and warns in the log of each finding when it comes, not while it lasts. Also
 * unhealthy the queue is never needed: losing it costs seconds.
 * @param keptMs anybody may ask; the queue itself is looked at no more often than this, in milliseconds
 */
export function queueHealth(source: QueueSource, clocks: Clocks, log: Warns, keptMs = 5000): QueueHealth {
  let known = new Set<string>();
  let latest: { at: number; answer: Promise<{ ok: boolean; why?: string }> } | null = null;

  async function look(): Promise<{ ok: boolean; why?: string }> {
    const findings = await inspectQueue(source, clocks);
    for (const finding of findings) {
      if (known.has(finding.kind)) continue;
      log.warn({ finding: finding.kind, advice: sayFinding(finding) }, 'the queue is not as it should be');
    }
    known = new Set(findings.map(({ kind }) => kind));
    return findings.length === 0 ? { ok: true } : { ok: false, why: findings.map(sayFinding).join('. ') };
  }

  return {
    ready: () => {
      const at = performance.now();
      if (latest === null || at - latest.at >= keptMs) latest = { at, answer: look() };
      return latest.answer;
    },
  };
}
