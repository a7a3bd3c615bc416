import { defineCheck } from '../check.ts';
import { type DecidingRule, namesOf, viewsFor } from '../destination-rules-of.ts';
import type { Judgement } from '../finding.ts';
import { error, orPass, refTo, skip, unknown } from '../judgement.ts';
import type { DestinationRule, PeerAuthentication, Pod, Service } from '../objects.ts';
import { type Decision, decisionWords, effectiveMode } from '../peer-authentication.ts';
import { labelSetsOf, podsOf } from '../select.ts';
import type { Arm, Caller, MeshConfig, Subject } from '../snapshot.ts';
import { policyAt } from '../traffic-policy.ts';
import { portPairsOf, unclearPorts } from '../workload-ports.ts';
import { clientNamespaces } from './clients.ts';
import { armWords, listWords } from './words.ts';

type Seen = {
  destinationRules: DestinationRule[];
  meshConfig: MeshConfig;
  peerAuthentications: PeerAuthentication[];
  services: Service[];
  pods: Pod[];
  callers: Caller[];
};

/** One way that requests take: what the client sends, and what the server accepts. */
type Meeting = { arm: Arm; rule: DecidingRule | null; port: number; client: string; server: Decision };

/**
 * Without a `tls` block clients find out by themselves what the server accepts, unless the mesh turned that off.
 * Source: https://istio.io/latest/docs/ops/configuration/traffic-management/tls-configuration/
 */
export const clientTlsFits = defineCheck({
  id: 'PF-DR-04',
  title: 'What callers send fits what the pods accept: TLS mode against PeerAuthentication',
  family: 'destination-rule',
  priority: 'P0',
  codes: ['KIA0207', 'KIA0208'],
  again: false,
  severity: 'error',
  needs: ['destinationRules', 'meshConfig', 'peerAuthentications', 'services', 'pods', 'callers'],
  failsByAbsence: true,
  judge: (seen, { stable, canary }: Subject) => {
    const arms = [stable, canary].filter(({ podLabels }) => podLabels !== null);
    if (arms.length === 0) return [skip('neither destination has pods in the cluster')];
    const unclear = arms.flatMap((arm) => unclearPorts(arm, seen));
    if (unclear.length > 0) return unclear;
    const meetings = arms.flatMap((arm) => meetingsOf(arm, seen));
    const judged = meetings.flatMap(unlessFits);
    const unique = judged.filter((one, at) => judged.findIndex(({ read }) => read === one.read) === at);
    const sent = [...new Set(meetings.map(({ client, server }) => `${client} to ${server.mode}`))];
    return orPass(unique.slice(0, 5), `callers send ${listWords(sent.toSorted())}, for both versions`);
  },
});

function meetingsOf(arm: Arm, seen: Seen): Meeting[] {
  const { meshConfig, pods } = seen;
  const clients = clientNamespaces(seen.callers, arm);
  const views = viewsFor(clients, arm, seen.destinationRules, meshConfig);
  return portPairsOf(arm, seen.services, podsOf(arm, pods)).flatMap(({ service: port, workload }) =>
    views.flatMap(({ rule }) => {
      const client = policyAt(rule, arm.subset, port).tls?.mode ?? unsaid(meshConfig);
      return serversOf(arm, workload, seen).map((server) => ({ arm, rule, port, client, server }));
    }),
  );
}

/** What a client sends that no rule tells: what the server accepts, or plaintext. */
function unsaid({ enableAutoMtls }: MeshConfig): string {
  return enableAutoMtls ? 'auto mTLS' : 'DISABLE';
}

function serversOf(
  arm: Arm,
  port: number | null,
  { peerAuthentications, meshConfig, pods }: Seen,
): Decision[] {
  const { namespace } = arm.service;
  const ports = port === null ? [] : [port];
  return labelSetsOf(arm, pods).map((labels) => {
    const whole = effectiveMode({ labels, namespace, ports }, peerAuthentications, meshConfig.rootNamespace);
    return whole.ports[0] ?? whole;
  });
}

function unlessFits(meeting: Meeting): Judgement[] {
  const { client, server } = meeting;
  const isStrict = server.mode === 'STRICT';
  switch (client) {
    case 'auto mTLS':
      return [];
    case 'DISABLE':
      return isStrict ? [misfit(meeting)] : [];
    case 'ISTIO_MUTUAL':
      return server.mode === 'DISABLE' ? [misfit(meeting)] : [];
    case 'SIMPLE':
      return isStrict ? [misfit(meeting)] : [undecided(meeting)];
    default:
      return [undecided(meeting)];
  }
}

function misfit({ arm, rule, port, client, server }: Meeting): Judgement {
  const source = sourceOf(arm, rule);
  const { namespace, name } = source?.metadata ?? arm.service;
  return error({
    read: `callers send ${client} to ${armWords(arm)} port ${port}, by ${namesOf(rule) || 'the mesh configuration, which turns auto mTLS off'}; its pods have ${decisionWords(server)}`,
    means: `every request to ${arm.version} fails in the TLS handshake and is answered 503`,
    mend:
      source === undefined
        ? `set tls.mode ISTIO_MUTUAL in a DestinationRule for ${arm.service.name}`
        : `let callers find the mode themselves: remove tls, or set it to ISTIO_MUTUAL: kubectl -n ${namespace} edit destinationrule ${name}`,
    ...(source === undefined
      ? {}
      : { object: refTo('DestinationRule', source.metadata), path: 'trafficPolicy.tls.mode' }),
    undoneBy: ['destinationRules', 'peerAuthentications'],
  });
}

/** A certificate that is not the mesh's: whether the application itself speaks TLS is in no object. */
function undecided({ arm, rule, port, client, server }: Meeting): Judgement {
  return unknown(
    `callers send ${client} to ${armWords(arm)} port ${port}, by ${namesOf(rule)}, and its pods have ${decisionWords(server)}: whether ${arm.version} itself speaks TLS there is in no object`,
    `try it from a caller's pod, or set tls.mode to ISTIO_MUTUAL in ${namesOf(rule)}`,
  );
}

function sourceOf({ subset }: Arm, rule: DecidingRule | null): DestinationRule | undefined {
  const found = rule?.subsets.find(({ name }) => name === subset);
  if (found?.trafficPolicy) return found.source;
  return rule?.sources.find(({ spec }) => spec.trafficPolicy);
}
