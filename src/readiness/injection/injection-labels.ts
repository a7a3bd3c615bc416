import { saysYes } from '../data-plane.ts';
import type { Labels } from '../objects.ts';

/** What a namespace and a pod template ask for. */
export type Asked = {
  namespace: Labels;
  labels: Labels;
  annotations: Labels;
  /** True when namespaces are injected unless they say no. */
  byDefault: boolean;
};

/** Whether a pod is injected, by which revision (null: the one behind the tag `default`), and what decided it. */
export type Injection = { isOn: boolean; revision: string | null; by: string };

/**
 * The selectors of Istio's webhooks first, then the injector's own look at the pod, where a label outweighs the
 * annotation of the same name.
 * Source: https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
 */
export function injectionOf(asked: Asked): Injection {
  const chosen = byWebhook(asked);
  const word = asked.labels[inject] ?? asked.annotations[inject];
  if (!chosen.isOn || word === undefined || word === '' || saysYes(word)) return chosen;
  const where = asked.labels[inject] === undefined ? 'annotation' : 'label';
  return off(`the ${where} ${inject}=${word} of the pod template`);
}

const inject = 'sidecar.istio.io/inject';
const revisionLabel = 'istio.io/rev';

function byWebhook({ namespace, labels, byDefault }: Asked): Injection {
  const own = namespace['istio-injection'];
  const revision = namespace[revisionLabel];
  if (labels[inject] === 'false') return off(`the label ${inject}=false of the pod template`);
  if (own === 'enabled') return on(null, 'the label istio-injection=enabled of the namespace');
  if (own !== undefined) return off(`the label istio-injection=${own} of the namespace`);
  if (revision !== undefined) return on(revision, `the label ${revisionLabel}=${revision} of the namespace`);
  return byPod(labels, byDefault);
}

function byPod(labels: Labels, byDefault: boolean): Injection {
  const revision = labels[revisionLabel];
  if (revision !== undefined) {
    return on(revision, `the label ${revisionLabel}=${revision} of the pod template`);
  }
  if (labels[inject] === 'true') return on(null, `the label ${inject}=true of the pod template`);
  if (byDefault && labels[inject] === undefined) return on(null, 'the default of this mesh');
  return off('no label that asks for injection, on the namespace or the pod template');
}

/** The label `default` stands for what `istio-injection=enabled` does: whatever is behind that tag. */
function on(revision: string | null, by: string): Injection {
  return { isOn: true, revision: revision === 'default' ? null : revision, by };
}

function off(by: string): Injection {
  return { isOn: false, revision: null, by };
}
