import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { answerQuery, type ServiceNow } from '../../../bench/scale/canned-prometheus.ts';
import { readingsOf } from './readings-of.ts';

const at = 1_700_000_000;

describe('the canned Prometheus', () => {
  it('answers every query that canaryd sends with numbers that pass', async () => {
    const found = await readingsOf({ canaryShare: 5, isBreaching: false });
    expect(found).toMatchObject({
      checks: {
        errorRate: { canary: { kind: 'value', value: 0 }, stable: { kind: 'value', value: 0 } },
        p99: { canary: { kind: 'value', value: 120 }, stable: { kind: 'value', value: 120 } },
      },
      requests: { canary: { value: 2000 }, stable: { value: 38_000 } },
      unattributed: { kind: 'value', value: 0 },
    });
  });

  it('breaks the limit of errors, and that one alone, for a service that breaches', async () => {
    const found = await readingsOf({ canaryShare: 5, isBreaching: true });
    expect(found).toMatchObject({
      checks: {
        errorRate: { canary: { value: 0.08 }, stable: { value: 0 } },
        p99: { canary: { value: 120 } },
      },
    });
  });

  it('shows no requests of a canary without traffic', async () => {
    const found = await readingsOf({ canaryShare: 0, isBreaching: false });
    expect(found.requests.canary).toEqual({ kind: 'none' });
  });

  it('answers for several services at once, each with its own numbers', () => {
    const queries = [
      'sum by (destination_service_name, destination_version, response_code, grpc_response_status, response_flags) (increase(x{destination_service_namespace="scale-0",destination_service_name=~"a|b[.]c"}[10s]))',
      'max by (destination_service_name, destination_version) (timestamp(x{destination_service_namespace="scale-0",destination_service_name=~"a|b[.]c"}))',
    ];
    const shares: Record<string, number> = { a: 0, 'b.c': 50 };
    for (const query of queries) {
      const answer = answerQuery(query, at, (_, name) => ({
        canaryShare: shares[name] ?? 0,
        isBreaching: false,
      }));
      const rows = z
        .object({
          data: z.object({ result: z.array(z.object({ metric: z.record(z.string(), z.string()) })) }),
        })
        .parse(JSON.parse(answer ?? '')).data.result;
      const found = rows.map(({ metric }) => [
        metric['destination_service_name'],
        metric['destination_version'],
      ]);
      expect(found).toEqual([
        ['a', 'v1'],
        ['b.c', 'v1'],
        ['b.c', 'v2'],
      ]);
    }
  });

  it('knows no other query', () => {
    const none = (): ServiceNow => ({ canaryShare: 0, isBreaching: false });
    expect(answerQuery('up', at, none)).toBeNull();
    expect(answerQuery('sum by (destination_version, le) (x)', at, none)).toBeNull();
  });
});
