import type { z } from 'zod';
import type { ReadinessReport } from '../rollout/readiness-report.ts';
import type { ReadinessOnWire } from './readiness-wire.ts';
import { timestamp } from './wire-parts.ts';

type Wire = z.output<typeof ReadinessOnWire>;

/** A report as it is answered. */
export function renderReadiness({ at, rulings, summary }: ReadinessReport): Wire {
  return { at: timestamp(at), summary, findings: rulings.map(renderRuling) };
}

/** One finding as it is answered. */
export function renderRuling(ruling: ReadinessReport['rulings'][number]): Wire['findings'][number] {
  const { id, title, family, priority, result, read, codes, again, blocks, waiver } = ruling;
  const failure = ruling.result === 'fail' ? ruling : null;
  return {
    id,
    title,
    family,
    priority,
    result,
    severity: failure?.severity ?? null,
    read,
    means: failure?.means ?? null,
    mend: ruling.result === 'fail' || ruling.result === 'unknown' ? ruling.mend : null,
    object: failure?.object ?? null,
    path: failure?.path ?? null,
    codes: [...codes],
    again,
    blocks,
    waiver: waiver && { ...waiver, until: timestamp(waiver.until) },
  };
}
