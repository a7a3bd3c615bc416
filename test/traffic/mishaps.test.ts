import { afterEach, describe, expect, it } from 'vitest';
import type { PatchFault } from '../../src/sandbox/faults.ts';
import { id, type Release, type ReleaseOptions, release, withSecondRoute } from './release-world.ts';

let running: Release | null = null;

afterEach(async () => {
  await running?.close();
  running = null;
});

/** Of a VirtualService with two routes; it stands at 5 %, and 20 % are next at 60 s. */
async function begin(options: ReleaseOptions = {}): Promise<Release> {
  running = await release({ object: withSecondRoute(), ...options });
  return running;
}

const rollback = { action: 'rollback', reason: 'customers complain' } as const;

async function types(of: Release): Promise<string[]> {
  return (await of.events()).map(({ type }) => type);
}

/** What happened, where traffic is, what comes next and when, and what may be typed. */
async function expectAllFour(of: Release): Promise<void> {
  const { what, traffic, next, actions } = await of.told();
  expect(what.length).toBeGreaterThan(30);
  expect(traffic).toMatch(/(of traffic|all traffic) on v[12] \((canary|stable)\)/i);
  expect(next).toMatch(/(looks again|writes 0 % for the canary) (now|in \d)/i);
  expect(actions).toContain('rollback');
  for (const text of [what, traffic, next]) expect(text).toMatch(/^[A-Z\d].*[^.?!]\.$/s);
}

describe('routes that are edited in the middle of a release', () => {
  it('are found by name when they change places, and the others are left alone', async () => {
    const made = await begin();
    const [primary, other] = ['primary', 'other'].map((name) =>
      JSON.stringify(
        JSON.parse(made.text()).spec.http.find((route: { name: string }) => route.name === name),
      ),
    );
    made.edit('kubectl-edit', `${other},${primary}`, `${primary},${other}`);
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
    expect(made.text()).toContain(other);
  });

  it('pause it when the route has another name, with the path and who did it', async () => {
    const made = await begin();
    made.edit('kubectl-edit', '"name":"primary"', '"name":"main"');
    await made.run(10);
    expect(await made.stands()).toMatchObject({ status: 'paused', reason: 'shape_changed', exit: 8 });
    const { what } = await made.told();
    expect(what).toMatch(
      /^Somebody else \(last to write the routes: field manager kubectl-edit at \S+ \S+Z\) changed the VirtualService into a form that canaryd does not edit: spec\.http: no http route is named "primary"; there are: other, main; mend it with kubectl edit/,
    );
    await expectAllFour(made);
  });

  it('let it go on when the name is back and a person says so', async () => {
    const made = await begin();
    made.edit('kubectl-edit', '"name":"primary"', '"name":"main"');
    await made.run(10);
    made.edit('kubectl-edit', '"name":"main"', '"name":"primary"');
    await made.say({ action: 'resume' });
    await made.run(120);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
  });

  it('keep the way back from ending, which says what to mend and ends when it is mended', async () => {
    const made = await begin();
    made.edit('kubectl-edit', '"name":"primary"', '"name":"main"');
    await made.say(rollback);
    await made.run(70);
    expect(await made.stands()).toMatchObject({
      status: 'rolling_back',
      reason: 'mesh_write_failed',
      exit: 10,
    });
    const { what, next } = await made.told();
    expect(what).toBe(
      'Cannot finish rolling back: the weight could not be written: spec.http: no http route is named "primary"; there are: other, main; mend it with kubectl edit.',
    );
    expect(next).toContain('writes 0 % for the canary as soon as the VirtualService is mended');
    expect(await types(made)).toContain('page');
    await expectAllFour(made);
    made.edit('kubectl-edit', '"name":"main"', '"name":"primary"');
    await made.run(15);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });

  it('keep the way back from ending while stable is gone from the route', async () => {
    const made = await begin();
    const stable = /\{"destination":\{"host":"payment-service","subset":"v1"\},"weight":95\},/;
    made.edit('kubectl-edit', stable, '');
    await made.say(rollback);
    await made.run(5);
    expect(await made.stands()).toMatchObject({ status: 'rolling_back', reason: 'stable_missing', exit: 10 });
    expect((await made.told()).what).toContain('put it back with kubectl edit');
    await expectAllFour(made);
  });
});

describe('a route of canaryd that is edited in the middle of a release', () => {
  const match = [{ headers: { 'x-canary': { exact: 'true' } } }];
  const steps = [
    { type: 'setHeaderRoute', match },
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '5m' },
    { type: 'promote' },
  ];
  const [as, wider] = ['"x-canary":{"exact":"true"}', '"x-canary":{"prefix":"t"}'];

  it('pauses it and says who wrote last, and the resume writes the route anew', async () => {
    const made = await begin({ plan: { steps } });
    expect(made.text()).toContain(as);
    made.edit('kubectl-edit', as, wider);
    await made.run(10);
    expect(await made.stands()).toMatchObject({ status: 'paused', reason: 'shape_changed', exit: 8 });
    const { what, traffic } = await made.told();
    expect(what).toMatch(
      /^Somebody else \(.*kubectl-edit at .*\) changed the managed routes: what canaryd-header matches/,
    );
    expect(what).toContain('resume writes them anew');
    expect(traffic).toContain('route canaryd-header is not as canaryd wrote it');
    await expectAllFour(made);
    await made.run(60);
    expect(made.text()).toContain(wider);
    await made.say({ action: 'resume' });
    await made.run(10);
    expect(made.text()).toContain(as);
    expect(made.text()).not.toContain(wider);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [95, 5] });
  });

  it('goes with the rollback as it stands', async () => {
    const made = await begin({ plan: { steps } });
    made.edit('kubectl-edit', as, wider);
    await made.say(rollback);
    await made.run(10);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back' });
    expect(made.text()).not.toContain('canaryd-header');
  });

  it('is no reason to stop when the owner of the route that follows has edited that, and is made new by the next write', async () => {
    const slowly = [{ type: 'bake', duration: '1m' }, { type: 'setWeight', weight: 20 }, ...steps.slice(2)];
    const made = await begin({ plan: { steps: [...steps.slice(0, 2), ...slowly] } });
    made.edit('kubectl-edit', '"name":"primary"', '"name":"primary","timeout":"7s"');
    await made.run(20);
    expect(await made.stands()).toMatchObject({ status: 'running' });
    expect(made.text().match(/"timeout":"7s"/g)).toHaveLength(1);
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
    expect(made.text().match(/"timeout":"7s"/g)).toHaveLength(2);
  });
});

describe('weights that somebody else moves in the middle of a release', () => {
  it('are told with the field manager that the API server names', async () => {
    const made = await begin();
    made.edit('kubectl-edit', '"weight":95},', '"weight":70},');
    made.edit('kubectl-edit', '"weight":5}', '"weight":30}');
    await made.run(10);
    expect(await made.stands()).toMatchObject({
      status: 'paused',
      reason: 'drift_detected',
      weights: [70, 30],
    });
    expect((await made.told()).what).toMatch(
      /^Somebody else \(last to write the routes: field manager kubectl-edit at .*Z\) moved the canary's weight from 5 % to 30 % \(paused/,
    );
    await expectAllFour(made);
  });

  it('by the self-heal of Argo CD are told as that, with what makes it leave them alone', async () => {
    const made = await begin();
    const mark =
      '"argocd.argoproj.io/tracking-id":"shop:networking.istio.io/VirtualService:payment-prod/payment"';
    made.edit('argocd-controller', '"annotations":{', `"annotations":{${mark},`);
    made.edit('argocd-controller', '"weight":95},', '"weight":100},');
    made.edit('argocd-controller', '"weight":5}', '"weight":0}');
    await made.run(10);
    expect(await made.stands()).toMatchObject({
      status: 'paused',
      reason: 'drift_detected',
      weights: [100, 0],
    });
    const { what } = await made.told();
    expect(what).toMatch(
      /^Argo CD application shop \(last to write the routes: field manager argocd-controller at .*Z\) moved the canary's weight from 5 % to 0 %, as it brings back what Git says/,
    );
    expect(what).toContain('RespectIgnoreDifferences=true');
    const drift = (await made.events()).find(({ type }) => type === 'drift.detected');
    expect(drift?.facts).toMatchObject({
      movedBy: { manager: 'argocd-controller' },
      gitOps: { tool: 'argoCd', name: 'shop' },
    });
  });

  it('and that canaryd writes back are canaryd’s again', async () => {
    const made = await begin({ plan: { onDrift: 'reassert' } });
    made.edit('kubectl-edit', '"weight":5}', '"weight":50}');
    await made.run(10);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [95, 5] });
    const drift = (await made.events()).find(({ type }) => type === 'drift.detected');
    expect(drift?.message).toMatch(/kubectl-edit .*; writing 5 % again, as the plan says/);
  });
});

describe('annotations of canaryd that somebody else writes', () => {
  const another = 'ro_01KE6QWX000000000000000009';

  it('in the name of another rollout pause it, page somebody, and are told as forged', async () => {
    const made = await begin();
    made.edit('kubectl-annotate', `"canaryd.io/rollout":"${id}"`, `"canaryd.io/rollout":"${another}"`);
    await made.run(10);
    expect(await made.stands()).toMatchObject({
      status: 'paused',
      reason: 'another_rollout',
      weights: [95, 5],
    });
    expect((await made.told()).what).toContain(
      `Another rollout, ${another}, has written this VirtualService since (epoch 1; its annotation was written by field manager kubectl-annotate at `,
    );
    expect(await types(made)).toContain('page');
    await expectAllFour(made);
    await made.say(rollback);
    await made.run(5);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });

  it('cannot smuggle anything into sentences', async () => {
    const made = await begin();
    made.edit('kubectl-annotate', `"canaryd.io/rollout":"${id}"`, '"canaryd.io/rollout":"<!here>\\n*bold*"');
    await made.run(10);
    expect((await made.told()).what).toContain('Another rollout, ??here???bold?, has written');
  });

  it.each([
    ['an epoch that is no number', '"canaryd.io/epoch":"seven"'],
    ['an epoch that is no number of ours', '"canaryd.io/epoch":"99999999999999999999"'],
    ['a negative epoch', '"canaryd.io/epoch":"-1"'],
    [
      "another rollout's word of a rollback",
      `"canaryd.io/epoch":"1","canaryd.io/rolled-back":"${another}/9"`,
    ],
    ['a word of a rollback that names nobody', '"canaryd.io/epoch":"1","canaryd.io/rolled-back":"/"'],
  ])('with %s do not stop it', async (_name, forged) => {
    const made = await begin();
    made.edit('kubectl-annotate', '"canaryd.io/epoch":"1"', forged);
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
    await made.say(rollback);
    await made.run(5);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });

  it.each([
    '99999999999999',
    '12345',
  ])('with an epoch of %s look like a restored database: a person is asked, and the way back is open', async (epoch) => {
    const made = await begin();
    made.edit('kubectl-annotate', '"canaryd.io/epoch":"1"', `"canaryd.io/epoch":"${epoch}"`);
    await made.run(10);
    expect(await made.stands()).toMatchObject({
      status: 'paused',
      reason: 'state_restored',
      weights: [95, 5],
    });
    await expectAllFour(made);
    await made.say(rollback);
    await made.run(5);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });

  it('with the word that this rollout was taken back send it back', async () => {
    const made = await begin();
    const word = `"canaryd.io/rolled-back":"${id}/1"`;
    made.edit('kubectl-annotate', '"canaryd.io/epoch":"1"', `"canaryd.io/epoch":"1",${word}`);
    await made.run(10);
    expect(await made.stands()).toMatchObject({
      status: 'rolled_back',
      reason: 'out_of_band',
      weights: [100, 0],
    });
    expect(made.text()).not.toContain('rolled-back');
  });

  it('that are gone are written again', async () => {
    const made = await begin();
    made.edit('kubectl-edit', '"annotations":{', '"annotations":{"canaryd.io/none":"x"},"gone":{');
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
    expect(made.text()).toContain(`"canaryd.io/rollout":"${id}"`);
  });
});

describe('somebody who keeps writing', () => {
  it('holds the way forward, which says so and goes on by itself', async () => {
    const made = await begin();
    made.sandbox.faults.everyPatch = 'conflict';
    await made.run(70);
    expect(await made.stands()).toMatchObject({
      status: 'holding',
      reason: 'mesh_write_failed',
      weights: [95, 5],
    });
    expect((await made.told()).what).toContain(
      'the weight could not be written: somebody else keeps writing the VirtualService (who that is shows kubectl get -o yaml --show-managed-fields)',
    );
    await expectAllFour(made);
    made.sandbox.faults.everyPatch = null;
    await made.run(10);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
  });

  it('does not keep the way back from getting through between two writes, in one turn', async () => {
    let writes = 0;
    const made = await begin({
      around: (mesh) => ({
        ...mesh,
        write: (target, view, write, signal) => {
          writes += 1;
          if (write.share === 0 && writes < 20)
            running?.edit('storm', /"name":"payment"/, `"name":"payment","labels":{"n":"${writes}"}`);
          return mesh.write(target, view, write, signal);
        },
      }),
    });
    await made.say(rollback);
    await made.run(1);
    expect(writes).toBe(20);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });

  it('without any gap makes the way back page, and it goes on until there is one', async () => {
    const made = await begin();
    made.sandbox.faults.everyPatch = 'conflict';
    await made.say(rollback);
    await made.run(75);
    expect(await made.stands()).toMatchObject({ status: 'rolling_back', exit: 10, weights: [95, 5] });
    expect((await made.told()).what).toContain('somebody else keeps writing the VirtualService');
    await expectAllFour(made);
    made.sandbox.faults.everyPatch = null;
    await made.run(15);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });
});

type Outage = { begin(of: Release): void; end(of: Release): void };

const everyPatch = (fault: PatchFault): Outage => ({
  begin: ({ sandbox }) => {
    sandbox.faults.everyPatch = fault;
  },
  end: ({ sandbox }) => {
    sandbox.faults.everyPatch = null;
  },
});

const outages: Record<string, Outage & { said: RegExp }> = {
  'the right to patch is taken away': {
    begin: (of) => of.allow('get', 'list', 'watch'),
    end: (of) => of.allow('get', 'list', 'watch', 'patch'),
    said: /answered 403: .* cannot patch resource "virtualservices" .* in the namespace "payment-prod"; give canaryd that right again/,
  },
  'every right is taken away': {
    begin: (of) => of.allow(),
    end: (of) => of.allow('get', 'list', 'watch', 'patch'),
    said: /answered 403: .* cannot get resource "virtualservices" .*; give canaryd that right again/,
  },
  'the credentials are not accepted': {
    ...everyPatch('unauthorized'),
    said: /answered 401; canaryd's credentials are not accepted: renew the token/,
  },
  'the webhook denies': {
    begin: (of) =>
      of.edit('kubectl-edit', '"hosts":["payment-service"]', '"hosts":["payment-service","payment-service"]'),
    end: (of) =>
      of.edit('kubectl-edit', '"hosts":["payment-service","payment-service"]', '"hosts":["payment-service"]'),
    said: /answered 400: admission webhook "rev.validation.istio.io" denied the request: .*; change what the webhook refuses/,
  },
  'the webhook is down': {
    begin: ({ sandbox }) => {
      sandbox.faults.webhook = 'down';
    },
    end: ({ sandbox }) => {
      sandbox.faults.webhook = 'up';
    },
    said: /answered 500: .*failed calling webhook "rev.validation.istio.io".* connection refused/,
  },
  'the webhook is too slow': {
    begin: ({ sandbox }) => {
      sandbox.faults.webhook = 'timeout';
    },
    end: ({ sandbox }) => {
      sandbox.faults.webhook = 'up';
    },
    said: /answered 500: .*failed calling webhook.* context deadline exceeded/,
  },
  'there are too many requests': {
    ...everyPatch('throttle'),
    said: /answered 429; try again after 1 s; the API server has too many requests: canaryd asks again by itself; .*kubectl get --raw/,
  },
  'etcd is too slow': { ...everyPatch('etcdTimeout'), said: /answered 504: Timeout/ },
  'etcd has no leader': { ...everyPatch('serverError'), said: /answered 500: etcdserver: leader changed/ },
  'no answer comes': { ...everyPatch('hang'), said: /the API server did not answer in time/ },
  'the connection breaks': {
    ...everyPatch('resetBeforeApply'),
    said: /the connection to the API server failed/,
  },
  'the API server is gone': {
    begin: ({ sandbox }) => {
      sandbox.faults.apiDown = true;
    },
    end: ({ sandbox }) => {
      sandbox.faults.apiDown = false;
    },
    said: /the connection to the API server failed/,
  },
  'the CRDs of Istio are gone': {
    begin: ({ sandbox }) => {
      sandbox.faults.istioVersions = [];
    },
    end: ({ sandbox }) => {
      sandbox.faults.istioVersions = null;
    },
    said: /serves none of networking.istio.io v1, v1beta1, v1alpha3 \(is Istio installed\?\): put its CRDs back/,
  },
};

describe.each(Object.entries(outages))('when %s', (_name, outage) => {
  it('the way forward holds, says why, and goes on by itself', async () => {
    const made = await begin();
    outage.begin(made);
    await made.run(90);
    const { status, weights } = await made.stands();
    expect([status, weights]).toEqual(['holding', [95, 5]]);
    expect((await made.told()).what).toMatch(outage.said);
    await expectAllFour(made);
    expect(await types(made)).not.toContain('page');
    outage.end(made);
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
  });

  it('the way back is tried until it is done, and is stuck with exit code 10 after a minute', async () => {
    const made = await begin();
    outage.begin(made);
    await made.say(rollback);
    await made.run(50);
    expect(await made.stands()).toMatchObject({ status: 'rolling_back', exit: 8 });
    await made.run(20);
    expect(await made.stands()).toMatchObject({
      status: 'rolling_back',
      reason: 'mesh_write_failed',
      exit: 10,
      weights: [95, 5],
    });
    const { what, next } = await made.told();
    expect(what).toMatch(outage.said);
    expect(next).toContain('canaryd break-glass rollback --virtual-service=payment-prod/payment');
    await expectAllFour(made);
    expect((await types(made)).filter((type) => type === 'page')).toHaveLength(1);
    outage.end(made);
    await made.run(15);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', exit: 4, weights: [100, 0] });
  });
});

describe('a release that cannot go on for three minutes', () => {
  it.each([
    'the right to patch is taken away',
    'every right is taken away',
    'the webhook denies',
  ])('because %s pages somebody, once', async (name) => {
    const made = await begin();
    outages[name]?.begin(made);
    await made.run(600);
    const pages = (await made.events()).filter(({ type }) => type === 'page');
    expect(pages).toHaveLength(1);
    expect(pages[0]?.message).toMatch(/^Holding for 3.* min: .*; 5 % of traffic on v2 \(canary\)/);
    expect(pages[0]?.facts).toMatchObject({ explanation: { actions: expect.arrayContaining(['rollback']) } });
  });
});

describe('a write whose answer is lost', () => {
  it.each([
    ['hang', 'did not land'],
    ['hangAfterApply', 'landed'],
    ['resetBeforeApply', 'did not land'],
    ['resetAfterApply', 'landed'],
    ['etcdTimeout', 'did not land'],
    ['serverError', 'did not land'],
  ] as const)('by %s, which %s, is read back and told once', async (fault, _landed) => {
    const made = await begin();
    made.sandbox.faults.nextPatch = fault;
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
    expect((await types(made)).filter((type) => type === 'weight.applied')).toHaveLength(2);
  });

  it.each([
    'hang',
    'hangAfterApply',
    'resetBeforeApply',
    'resetAfterApply',
    'etcdTimeout',
  ] as const)('by %s on the way back ends all the same', async (fault) => {
    const made = await begin();
    made.sandbox.faults.nextPatch = fault;
    await made.say(rollback);
    await made.run(5);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });
});

describe("an API server that serves Istio's objects in", () => {
  it.each(['v1beta1', 'v1alpha3'])('%s only is spoken to in that', async (version) => {
    const made = await begin();
    made.sandbox.faults.istioVersions = [version];
    await made.run(90);
    expect(await made.stands()).toMatchObject({ status: 'running', weights: [80, 20] });
    await made.say(rollback);
    await made.run(5);
    expect(await made.stands()).toMatchObject({ status: 'rolled_back', weights: [100, 0] });
  });
});
