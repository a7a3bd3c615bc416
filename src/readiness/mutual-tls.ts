import type { Check } from './check.ts';
import { callersUseMutualTls } from './mutual-tls/callers.ts';
import { identityIsTheSame } from './mutual-tls/identity.ts';
import { modeIsAsRequired } from './mutual-tls/mode.ts';

/** PF-MT-01..03: what the pods accept, what callers send, and who the pods are to those they call. */
export const mutualTlsChecks: readonly Check[] = [modeIsAsRequired, callersUseMutualTls, identityIsTheSame];
