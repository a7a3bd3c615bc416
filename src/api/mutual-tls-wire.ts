import { z } from 'zod';
import { questioned } from './checklist-wire.ts';

/** A part of the picture: what is known, or why it is not. */
function known<Schema extends z.ZodType>(value: Schema) {
  return z.object({
    known: z.boolean().describe('False when it could not be read: then nobody says that it is fine.'),
    why: z.string().nullable().describe('Why it is not known; null when it is.'),
    mend: z.string().nullable().describe('What makes it known; null when it is.'),
    value: value.nullable().describe('Null when it is not known.'),
  });
}

const decision = {
  mode: z.enum(['STRICT', 'PERMISSIVE', 'DISABLE']),
  level: z
    .enum(['port', 'workload', 'namespace', 'mesh', 'default'])
    .describe('Where it was said. `default`: nowhere, so that the default of Istio holds.'),
  decidedBy: z
    .object({ kind: z.string(), namespace: z.string().nullable(), name: z.string() })
    .nullable()
    .describe('The object that decides; null where the default holds.'),
};

const Modes = z
  .array(
    z.object({
      labels: z.record(z.string(), z.string()).describe('Of the pods.'),
      ...decision,
      ports: z
        .array(z.object({ port: z.int(), ...decision }))
        .describe('Ports whose mode is another than that of the workload.'),
    }),
  )
  .describe('One for each set of labels that its pods have.');

const perSecond = z.number();
const ratio = z.number().nullable();

const Plaintext = z.object({
  ratio: ratio.describe('The share of requests in plaintext, 0 to 1; null when there are no requests.'),
  sources: z
    .array(
      z.object({
        workload: z.string(),
        namespace: z.string(),
        requestsPerSecond: perSecond,
        plaintextPerSecond: perSecond,
        plaintextRatio: ratio,
      }),
    )
    .describe('Who sends requests, those with the most plaintext first.'),
});

const Certificates = z.object({
  ttlSeconds: z.number().describe('How long a certificate lives.'),
  pods: z
    .array(z.object({ pod: z.string(), arm: z.enum(['stable', 'canary']), secondsLeft: z.number() }))
    .describe('The shortest first.'),
});

export const MutualTlsOnWire = z
  .object({
    ...questioned,
    modes: z
      .object({ stable: known(Modes), canary: known(Modes) })
      .describe('What the pods of both versions accept, and by whose word.'),
    plaintext: known(Plaintext),
    certificates: known(Certificates),
    links: z.object({ self: z.string(), target: z.string(), checklist: z.string() }),
  })
  .meta({ id: 'MutualTls', description: 'Mutual TLS around a target, as far as it can be read.' });
