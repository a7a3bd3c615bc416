import { defineCheck } from '../check.ts';
import { bounded, error, orPass } from '../judgement.ts';
import type { FiringAlert, Millis } from '../snapshot.ts';
import { spanOf } from '../time-words.ts';
import { isCritical, isMeant, matchersOfLabels, targetOf } from './target.ts';
import { shellWord, short } from './words.ts';

export const nothingFires = defineCheck({
  id: 'PF-AL-02',
  title: 'No critical alert fires on the service',
  family: 'alerts',
  priority: 'P1',
  codes: [],
  again: true,
  severity: 'error',
  needs: ['alerts', 'pods'],
  judge: ({ alerts, pods }, subject, at) => {
    const target = targetOf(subject, pods);
    const firing = alerts.filter(({ state }) => state === 'firing');
    const ours = firing.filter(({ labels }) => isMeant(matchersOfLabels(labels), target) === 'yes');
    const failures = ours
      .filter(({ labels }) => isCritical(labels))
      .map((alert) =>
        error({
          read: `alert ${short(alert.name)} (${severityOf(alert)}) fires on ${target.name}${sinceWords(alert, at)}: ${labelWords(alert)}`,
          means: `${target.name} has a fault already: more traffic for ${subject.canary.version} would add to it, and what the checks compare with is not stable at its best`,
          mend: `deal with the alert first, and start when it is over; all that fire: amtool alert query --alertmanager.url=<address> ${shellWord(firstMatcher(alert))}`,
        }),
      );
    return orPass(bounded(failures), quiet(firing, ours, target.name));
  },
});

function severityOf({ labels }: FiringAlert): string {
  return short(labels['severity'] ?? labels['priority'] ?? labels['level'] ?? 'critical');
}

function sinceWords({ since }: FiringAlert, at: Millis): string {
  return since === null ? '' : ` for ${spanOf(Math.max(0, (at - since) / 1000))}`;
}

function labelWords({ labels }: FiringAlert): string {
  const shown = Object.entries(labels).filter(([name]) => name !== 'alertname');
  const first = shown
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .slice(0, 8);
  return short(first.join(', '));
}

function firstMatcher({ name }: FiringAlert): string {
  return `alertname=${JSON.stringify(short(name))}`;
}

function quiet(firing: readonly FiringAlert[], ours: readonly FiringAlert[], target: string): string {
  if (firing.length === 0) return 'no alert fires';
  const lesser = ours
    .slice(0, 5)
    .map(({ name, labels }) => `${short(name)} (${short(labels['severity'] ?? 'no severity')})`);
  const less = lesser.length === 0 ? '' : `; lesser ones do: ${lesser.join(', ')}`;
  return `alerts that fire: ${firing.length}; none of them is critical and on ${target}${less}`;
}
