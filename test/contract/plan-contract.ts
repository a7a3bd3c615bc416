import { beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/api/plan-digest.ts';
import { canonicalJson } from '../../src/rollout/canonical.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { type Condition, type PlanService, planService } from '../../src/rollout/plans.ts';
import type { PlanDraft, PlanLibrary } from '../../src/rollout/ports/plans.ts';

const ana = { kind: 'person', name: 'ana' } as const;
const ci = { kind: 'machine', name: 'github:acme/plans' } as const;

/** A plan that bakes this long at 5 %. */
function planOf(seconds: number): Plan {
  return Plan.parse({
    steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: seconds }, { type: 'promote' }],
  });
}

/** What every `PlanLibrary` promises, by itself and under the service that writes into it. */
export function planContract(open: () => Promise<PlanLibrary>): void {
  let library: PlanLibrary;
  let plans: PlanService;

  beforeEach(async () => {
    library = await open();
    plans = planService({ library, digest: sha256 });
  });

  function draft(name: string, version: number, seconds = 60): PlanDraft {
    const plan = { ...planOf(seconds), name };
    return { name, version, plan, digest: sha256(canonicalJson(plan)), createdBy: ana };
  }

  const put = (seconds: number, condition: Condition, actor: typeof ana | typeof ci = ana) =>
    plans.put({ name: 'pci', plan: planOf(seconds), condition, actor });
  const onto = (version: number): Condition => ({ kind: 'version', oneOf: [version] });
  const none: Condition = { kind: 'none' };

  describe('a library of plans', () => {
    it('gives a version back as it was written, with who wrote it and when', async () => {
      const written = draft('pci', 1);
      const added = await library.add(written);
      expect(added).toEqual({ ...written, createdAt: expect.any(Number) });
      expect(await library.find('pci', 1)).toEqual(added);
      expect(await library.find('pci')).toEqual(added);
    });

    it('has nothing under a name or a version that nobody wrote', async () => {
      await library.add(draft('pci', 1));
      expect(await library.find('other')).toBeNull();
      expect(await library.find('pci', 2)).toBeNull();
      expect(await library.versions('other', { limit: 10 })).toEqual([]);
    });

    it('refuses a number that is taken, and leaves what stands there', async () => {
      await library.add(draft('pci', 1));
      expect(await library.add(draft('pci', 1, 90))).toBeNull();
      expect((await library.find('pci'))?.plan.steps[1]).toEqual({ type: 'bake', duration: 60 });
    });

    it('lists the newest version of each plan by name, page by page', async () => {
      for (const name of ['c', 'a', 'b']) await library.add(draft(name, 1));
      await library.add(draft('a', 2));
      const first = await library.list({ limit: 2 });
      expect(first.map(({ name, version }) => [name, version])).toEqual([
        ['a', 2],
        ['b', 1],
      ]);
      expect((await library.list({ after: 'b', limit: 2 })).map(({ name }) => name)).toEqual(['c']);
    });

    it('lists the versions of a plan, the newest first, page by page', async () => {
      for (const version of [1, 2, 3]) await library.add(draft('pci', version));
      const numbers = async (page: { before?: number; limit: number }) =>
        (await library.versions('pci', page)).map(({ version }) => version);
      expect(await numbers({ limit: 2 })).toEqual([3, 2]);
      expect(await numbers({ before: 2, limit: 2 })).toEqual([1]);
    });
  });

  describe('writing a plan', () => {
    it('makes its first version, and then one more for each change', async () => {
      expect(await put(60, none)).toMatchObject({ kind: 'created', version: { version: 1, createdBy: ana } });
      const second = await put(90, onto(1), ci);
      expect(second).toMatchObject({ kind: 'replaced', version: { version: 2, createdBy: ci } });
      expect((await library.find('pci', 1))?.plan.steps[1]).toEqual({ type: 'bake', duration: 60 });
    });

    it('gives the plan the name that it is kept under', async () => {
      await put(60, none);
      expect((await library.find('pci'))?.plan.name).toBe('pci');
    });

    it('has the same digest for the same content', async () => {
      await put(60, none);
      await put(90, onto(1));
      await put(60, onto(2));
      const [third, second, first] = await library.versions('pci', { limit: 3 });
      expect(third?.digest).toBe(first?.digest);
      expect(second?.digest).not.toBe(first?.digest);
    });

    it('makes no version of what the newest one says already, also when an answer was lost', async () => {
      await put(60, none);
      await put(90, onto(1));
      expect(await put(90, onto(2))).toMatchObject({ kind: 'unchanged', version: { version: 2 } });
      expect(await put(90, onto(1))).toMatchObject({ kind: 'unchanged', version: { version: 2 } });
      expect(await library.versions('pci', { limit: 9 })).toHaveLength(2);
    });

    it('is refused without a version to build on, and on one that is not the newest', async () => {
      await put(60, none);
      await put(90, onto(1));
      expect(await put(120, none)).toMatchObject({ kind: 'unconditional', newest: { version: 2 } });
      expect(await put(120, onto(1))).toMatchObject({ kind: 'changed', newest: { version: 2 } });
      expect(await put(120, { kind: 'absent' })).toMatchObject({ kind: 'changed', newest: { version: 2 } });
      expect(await put(120, { kind: 'version', oneOf: null })).toMatchObject({ kind: 'replaced' });
    });

    it('is refused when it would replace a plan that is not there', async () => {
      expect(await put(60, onto(1))).toEqual({ kind: 'changed', newest: null });
      expect(await library.find('pci')).toBeNull();
    });

    it('lets one of many writers that began with the same version win, and makes one version', async () => {
      await put(60, none);
      await put(90, onto(1));
      const answers = await Promise.all([100, 110, 120, 130, 140].map((seconds) => put(seconds, onto(2))));
      expect(answers.map(({ kind }) => kind).toSorted()).toEqual([
        'changed',
        'changed',
        'changed',
        'changed',
        'replaced',
      ]);
      const versions = await library.versions('pci', { limit: 9 });
      expect(versions.map(({ version }) => version)).toEqual([3, 2, 1]);
    });

    it('lets one of two first writers win', async () => {
      const answers = await Promise.all([put(60, none), put(90, { kind: 'absent' })]);
      expect(answers.filter(({ kind }) => kind === 'created')).toHaveLength(1);
      expect(await library.versions('pci', { limit: 9 })).toHaveLength(1);
    });
  });

  describe('choosing a plan by its name', () => {
    it('takes the newest version, or the one that is named', async () => {
      await put(60, none);
      await put(90, onto(1));
      expect(await plans.choose('pci')).toMatchObject({ kind: 'chosen', version: 2 });
      expect(await plans.choose('pci@1')).toMatchObject({
        kind: 'chosen',
        version: 1,
        plan: { name: 'pci' },
      });
    });

    it('names the plans there are when there is none, at most ten', async () => {
      for (let number = 10; number < 25; number += 1) await library.add(draft(`plan-${number}`, 1));
      const choice = await plans.choose('pci@3');
      expect(choice).toMatchObject({ kind: 'unknown', name: 'pci', version: 3, newest: null });
      expect(choice.kind === 'unknown' && choice.names).toHaveLength(10);
    });

    it('says which version is the newest when another one is asked for', async () => {
      await put(60, none);
      expect(await plans.choose('pci@7')).toMatchObject({ kind: 'unknown', version: 7, newest: 1 });
    });

    it('refuses a version that today’s rules refuse, with what breaks them', async () => {
      const old = draft('pci', 1);
      await library.add({ ...old, plan: { ...old.plan, deadline: 30 } });
      expect(await plans.choose('pci')).toMatchObject({
        kind: 'outdated',
        faults: [{ path: ['deadline'], code: 'plan-inconsistent' }],
      });
    });
  });
}
