import type { Millis } from '../units.ts';

/** An alarm clock that may ring late, twice or never. Never throws; a lost alarm costs seconds. */
export interface Alarm {
  ring(id: string, at: Millis, now: Millis): Promise<void>;
}
