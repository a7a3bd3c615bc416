import type { Recording } from './recording.ts';
import type { Limits } from './service.ts';

/** The poll, from 0, whose scrape led back to stable, and what spoke against the canary. */
export type Rollback = { poll: number; why: string };

/** A rule that sees a rollout poll after poll; null when it never rolls it back. */
export type Judge = { name: string; rollsBackAt: (recording: Recording, limits: Limits) => Rollback | null };
