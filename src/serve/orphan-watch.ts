import { failureFields, type Log } from '../log.ts';
import {
  lookForOrphans,
  type OrphanDeps,
  type OrphanLook,
  type OrphansSeen,
} from '../rollout/look-for-orphans.ts';
import { explainOrphan } from '../rollout/orphan-words.ts';
import type { Orphan } from '../rollout/orphans.ts';
import { firstOf } from '../signals.ts';
import { type Lookout, lookout } from '../store/lookout.ts';
import { orphanStore } from '../store/orphan-store.ts';
import type { Chore } from '../worker.ts';
import type { Parts } from './parts.ts';

const lookMs = 60_000;

export type OrphanWatchOptions = {
  deps: OrphanDeps;
  post: Lookout;
  log: Log;
  /** What stands now, for the metrics; nothing where another process looks. */
  show: (orphans: readonly Orphan[]) => void;
  /** 0..1, keeps several workers apart. */
  jitter: () => number;
};

/** The watch of a worker, on its own parts. */
export function watchOrphans({ config, log, reads, clusters, telemetry }: Parts): Chore {
  return startOrphanWatch({
    deps: {
      marks: clusters.marks,
      book: orphanStore(reads.db),
      clusters: config.clusters.map(({ name }) => name),
      deadline: AbortSignal.timeout,
    },
    post: lookout(config.databaseUrl),
    log,
    show: telemetry.showOrphans,
    jitter: Math.random,
  });
}

/**
 * Looks every 60 s for splits that no rollout watches, in one process at a time, and says what came, what went and
 * what could not be read: each once. Never throws.
 */
export function startOrphanWatch({ deps, post, log, show, jitter }: OrphanWatchOptions): Chore {
  const nothing: OrphansSeen = new Map();
  let seen = nothing;
  const tell = teller(log);
  const ending = new AbortController();
  const deadline = (ms: number) => firstOf([deps.deadline(ms), ending.signal]);
  let running: Promise<void> = Promise.resolve();

  async function lookOnce(): Promise<void> {
    if (!(await post.isMine())) {
      seen = nothing;
      show([]);
      return;
    }
    const look = await lookForOrphans({ ...deps, deadline }, seen);
    if (ending.signal.aborted) return;
    seen = look.seen;
    show(look.standing);
    tell(look);
  }

  const timer = setInterval(
    () => {
      running = running.then(async () => {
        if (ending.signal.aborted) return;
        await lookOnce().catch((error: unknown) =>
          log.warn(
            failureFields(error),
            'splits without a rollout were not looked for: tried again in a minute',
          ),
        );
      });
    },
    lookMs * (0.95 + jitter() / 10),
  );
  return {
    close: async () => {
      ending.abort();
      clearInterval(timer);
      await running;
      await post.close();
    },
  };
}

/** Says what a look found. What could not be read is said when it begins, and not again until it was over. */
function teller(log: Log): (look: OrphanLook) => void {
  let reported: ReadonlySet<string> = new Set();
  return ({ told, gone, unread, narrowed }) => {
    for (const orphan of told)
      log.error({ ...fieldsOf(orphan), ...explainOrphan(orphan) }, 'a split that no rollout watches');
    for (const orphan of gone) log.info(fieldsOf(orphan), 'a split without a rollout is gone');
    const reports = new Set<string>();
    const once = (where: string, { reason, why }: OrphanLook['unread'][string], message: string) => {
      const report = JSON.stringify([where, reason, message]);
      if (!reported.has(report)) log.warn({ where, reason, why }, message);
      reports.add(report);
    };
    for (const [where, failure] of Object.entries(unread))
      once(where, failure, 'splits without a rollout cannot be looked for there');
    for (const [where, failure] of Object.entries(narrowed))
      once(where, failure, 'splits without a rollout are only looked for where rollouts have been');
    reported = reports;
  };
}

function fieldsOf({ split, reason }: Orphan): Record<string, unknown> {
  const { cluster, namespace, virtualService, owner } = split;
  return {
    cluster,
    namespace,
    virtualService,
    rolloutId: owner?.rolloutId.slice(0, 60) ?? null,
    because: reason,
  };
}
