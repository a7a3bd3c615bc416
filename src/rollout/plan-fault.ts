/** A fault of a plan: `path` begins at the plan, `message` says what to change. */
export type PlanFault = { path: (string | number)[]; code: string; message: string };
