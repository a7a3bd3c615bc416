import { z } from 'zod';
import type { AuditRow } from '../../rollout/audit.ts';
import { AuditRowOnWire, renderAuditRow } from '../audit-row.ts';
import { renderRollout } from '../render-rollout.ts';
import { RolloutOnWire } from '../wire.ts';

type Frame = { id?: number; event: string; data: unknown };

/**
 * Events as text/event-stream (HTML Living Standard, 9.2.6). JSON never holds a line break, so one `data` line is
 * always enough.
 */
function frame({ id, event, data }: Frame): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** An audit row; `id` is where a client goes on after it was cut off. */
export function rowFrame(row: AuditRow, id: number): string {
  // Of all types, also one that only a newer version knows, none may break the frame.
  const event = row.type.replaceAll(/[\r\n]/g, ' ');
  return frame({ id, event, data: z.encode(AuditRowOnWire, renderAuditRow(row)) });
}

/** The whole rollout. Without an id, so that it does not move the client's place. */
export function snapshotFrame(seen: Parameters<typeof renderRollout>[0]): string {
  return frame({ event: 'snapshot', data: z.encode(RolloutOnWire, renderRollout(seen)) });
}

/** The rollout has ended: there is nothing to reconnect for. */
export const endFrame = frame({ event: 'end', data: {} });

/** Keeps proxies from cutting a quiet connection. */
export const heartbeat = ': still here\n\n';

/** How soon a client reconnects, in milliseconds. */
export const retryLine = 'retry: 2000\n\n';
