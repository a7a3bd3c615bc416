import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fact, ServiceAccount } from '../../src/readiness/snapshot.ts';
import { readSurroundings } from '../../src/traffic/surroundings.ts';
import { read } from '../readiness/healthy.ts';
import { type Bank, startBank, store, target } from './bank-api-server.ts';

let made: Bank;

beforeEach(async () => {
  made = await startBank();
});
afterEach(() => made.close());

async function accounts(): Promise<Fact<ServiceAccount[]>> {
  const question = { target, callees: [], callers: [], wanted: new Set(['serviceAccounts'] as const) };
  return (await readSurroundings(made.source, question, AbortSignal.timeout(60_000))).serviceAccounts;
}

/** The namespaces whose accounts were listed. */
function listed(): string[] {
  const pattern = /\/namespaces\/([^/]+)\/serviceaccounts\?/;
  return made.server.requests.flatMap((one) => pattern.exec(one)?.[1] ?? []);
}

function policy(rules: object[]): void {
  const metadata = { namespace: 'payment-prod', name: 'allow' };
  store(made, 'authorizationpolicies', [{ metadata, spec: { action: 'ALLOW', rules } }]);
}

const own = ['payment-prod', 'istio-system'];

describe('the ServiceAccounts', () => {
  it('are read by name alone: nothing of the Secrets that one names', async () => {
    const account = { metadata: { namespace: 'payment-prod', name: 'payment-service' } };
    store(made, 'serviceaccounts', [{ ...account, secrets: [{ name: 'token' }] }]);
    expect(await accounts()).toEqual(read([{ namespace: 'payment-prod', name: 'payment-service' }]));
  });

  it.each<[string, object[], string[]]>([
    [
      'principals',
      [{ from: [{ source: { principals: ['cluster.local/ns/a/sa/x', '*/ns/b/sa/y'] } }] }],
      ['a', 'b'],
    ],
    ['what is no principal', [{ from: [{ source: { notPrincipals: ['td/ns/c/sa/x'] } }] }], ['c']],
    ['accounts with a namespace', [{ from: [{ source: { serviceAccounts: ['d/x'] } }] }], ['d']],
    [
      "accounts without one, which are of the policy's",
      [{ from: [{ source: { serviceAccounts: ['x'] } }] }],
      [],
    ],
    ['conditions', [{ when: [{ key: 'source.principal', values: ['td/ns/e/sa/x'] }] }], ['e']],
    [
      'conditions of something else',
      [{ when: [{ key: 'request.headers[x]', values: ['td/ns/f/sa/x'] }] }],
      [],
    ],
    [
      'one namespace twice',
      [{ from: [{ source: { principals: ['td/ns/a/sa/x', 'td/ns/a/sa/y'] } }] }],
      ['a'],
    ],
    ['conditions on accounts', [{ when: [{ key: 'source.serviceAccount', notValues: ['g/x'] }] }], ['g']],
    ['wildcards', [{ from: [{ source: { principals: ['*', 'td/ns/*', 'td/ns/*/sa/x'] } }] }], []],
    ['nobody', [{}], []],
  ])('are those of the namespaces that policies name by %s, too', async (_by, rules, others) => {
    policy(rules);
    expect(await accounts()).toMatchObject({ kind: 'read' });
    expect(listed()).toEqual([...own, ...others]);
  });

  it('of a namespace in which canaryd may not list them are a gap', async () => {
    made.forbidden = ({ plural, namespace }) => plural === 'serviceaccounts' && namespace === 'order-prod';
    policy([{ from: [{ source: { principals: ['cluster.local/ns/order-prod/sa/order-service'] } }] }]);
    expect(await accounts()).toMatchObject({
      kind: 'read',
      gaps: ['canaryd may not list ServiceAccounts in order-prod'],
    });
  });

  it('are unread where canaryd may list them nowhere', async () => {
    made.forbidden = ({ plural }) => plural === 'serviceaccounts';
    policy([]);
    expect(await accounts()).toMatchObject({
      kind: 'unread',
      why: 'canaryd may not list ServiceAccounts in payment-prod; canaryd may not list ServiceAccounts in istio-system',
      mend: expect.stringContaining('{apiGroups: [""], resources: [serviceaccounts], verbs: [list]}'),
    });
  });

  it('of more than 20 namespaces are not listed, which says so', async () => {
    const principals = Array.from({ length: 25 }, (_, index) => `cluster.local/ns/team-${index}/sa/x`);
    policy([{ from: [{ source: { principals } }] }]);
    expect(await accounts()).toMatchObject({
      gaps: ['ServiceAccounts of 7 more namespaces that policies name were not listed'],
    });
    expect(listed()).toHaveLength(20);
  });

  it('of the services are read where policies may not be', async () => {
    made.forbidden = ({ plural }) => plural === 'authorizationpolicies';
    expect(await accounts()).toMatchObject({ kind: 'read' });
    expect(listed()).toEqual(own);
  });
});
