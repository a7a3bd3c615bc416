import type { Ruling, Summary } from '../readiness/policy.ts';
import type { Millis } from './units.ts';

/** What was found of a target's readiness at a moment, and what its plan makes of it. */
export type ReadinessReport = { at: Millis; rulings: Ruling[]; summary: Summary };
