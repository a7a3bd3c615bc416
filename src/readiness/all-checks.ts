import { alertChecks } from './alerts.ts';
import { authorizationChecks } from './authorization.ts';
import { certificateChecks } from './certificates.ts';
import type { Check } from './check.ts';
import { destinationRuleChecks } from './destination-rule.ts';
import { egressChecks } from './egress.ts';
import { injectionChecks } from './injection.ts';
import { mutualTlsChecks } from './mutual-tls.ts';
import { ownershipChecks } from './ownership.ts';
import { prometheusChecks } from './prometheus.ts';
import { virtualServiceChecks } from './virtual-service.ts';
import { workloadChecks } from './workload.ts';

/** Every check, in the order in which people read them. */
export const allChecks: readonly Check[] = [
  ...virtualServiceChecks,
  ...ownershipChecks,
  ...destinationRuleChecks,
  ...mutualTlsChecks,
  ...authorizationChecks,
  ...egressChecks,
  ...injectionChecks,
  ...workloadChecks,
  ...certificateChecks,
  ...prometheusChecks,
  ...alertChecks,
];
