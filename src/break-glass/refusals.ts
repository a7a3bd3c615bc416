import { wrapped } from '../cli/terminal.ts';
import type { MeshFailure } from '../rollout/ports/mesh.ts';
import type { ListedRoute } from '../traffic/routes.ts';
import { nameOf } from '../traffic/virtual-service.ts';
import { type Asked, askRight, kubectl, patchAway, patchBack, patchByHand, seeIt } from './commands.ts';
import { type End, ends } from './ends.ts';
import type { Outcome } from './record.ts';
import type { TakenBack } from './take-back.ts';
import { restingOn, row, shares } from './words.ts';

export type Refused = Exclude<TakenBack, { kind: 'takenBack' | 'already' | 'ended' }>;

/** Why nothing was taken back: `why` for the record, `text` for a person, with the mend and what to type. */
export type Told = { outcome: Outcome; end: End; why: string; text: string };

/** Says why the traffic was not taken back, and what mends it. */
export function tell(asked: Asked, refused: Refused): Told {
  const { namespace, name } = asked;
  switch (refused.kind) {
    case 'missing':
      return told(ends.invalid, `there is no VirtualService ${namespace}/${name}`, {
        mend: 'correct the name, the context or the kubeconfig; these are there:',
        type: [kubectl(asked, 'get', 'virtualservices', '-n', namespace)],
      });
    case 'notMoved':
      return notMoved(asked, refused);
    case 'unreadable':
      return byHand(asked, refused.routes, {
        end: ends.invalid,
        why: `what canaryd wrote cannot be followed: ${refused.what}: ${refused.why}`,
      });
    case 'stableGone':
      return told(
        ends.needsPerson,
        `no weight can bring users back: stable (${nameOf(refused.stable, [])}) is not in the route any more`,
        {
          shares: refused.routes,
          mend: 'put that destination back into the route with weight 0, then run this command again:',
          type: [kubectl(asked, 'edit', 'virtualservice', name, '-n', namespace)],
        },
      );
    case 'otherRollout':
      return told(ends.conflict, `another rollout moves the object now: ${refused.owner.rolloutId}`, {
        mend: 'nothing was written. Run this command again if that one is meant.',
        type: [],
      });
    case 'failed':
      return failed(asked, refused.verb, refused.failure);
    case 'open':
      return open(asked, refused);
  }
}

/** After the end no annotation tells which of two destinations was stable. */
function notMoved(asked: Asked, refused: Extract<Refused, { kind: 'notMoved' }>): Told {
  const { owner, noted, routes, managed } = refused;
  const object = `VirtualService ${asked.namespace}/${asked.name}`;
  if (managed.length > 0) {
    return told(ends.invalid, `no rollout moves ${object}, but routes of canaryd stand there${last(owner)}`, {
      shares: routes,
      mend: 'nothing was written. This takes those routes away, and nothing else:',
      type: [patchAway(asked, managed)],
    });
  }
  if (noted !== null) {
    const why = `no rollout moves ${object}: it has no annotation canaryd.io/rollout`;
    const patch = patchBack(asked, routes, noted);
    if (patch === null) return byHand(asked, routes, { end: ends.invalid, why });
    const mend =
      "nothing was written. This gives stable the canary's traffic, as canaryd.io/original-weights names them:";
    return told(ends.invalid, why, { shares: routes, mend, type: [patch] });
  }
  const resting = owner === null ? null : restingOn(routes);
  if (resting !== null) return nothingToDo(resting, last(owner));
  const why = `no rollout moves ${object}: it has no annotation canaryd.io/original-weights${last(owner)}`;
  return byHand(asked, routes, { end: ends.invalid, why });
}

/** No success: the object looks the same when the rollout went back and when its canary won. */
function nothingToDo(resting: string, lastOne: string): Told {
  const why = `all traffic is on ${resting}, and no rollout moves this object any more`;
  const rest = `Nothing was written${lastOne}. If users must leave ${resting}, move them by hand: docs/runbooks/emergency-without-canaryd.md.`;
  const text = `${wrapped(`Nothing to do: ${why}. ${rest}`, 10)}\n`;
  return { outcome: 'nothing_to_do', end: ends.invalid, why, text };
}

/** The API server's own last words come first; a webhook that is down shows in them. */
function open(asked: Asked, { why, seen }: Extract<Refused, { kind: 'open' }>): Told {
  const now = seen === null ? 'what stands there now is not known' : `now ${shares(seen)}`;
  return told(
    ends.needsPerson,
    `no write was read back in the time there is; ${now}. The API server's last word: ${why}`,
    {
      mend: 'run this command again. If the words above name a webhook, see whether istiod runs, and look at the weights:',
      type: [kubectl(asked, 'get', 'pods', '-n', 'istio-system'), seeIt(asked)],
    },
  );
}

function failed(asked: Asked, verb: 'get' | 'patch', { reason, why }: MeshFailure): Told {
  switch (reason) {
    case 'forbidden':
      return told(
        ends.notAllowed,
        `not allowed to ${verb} virtualservices.networking.istio.io in ${asked.namespace}: ${why}`,
        {
          mend: `use credentials that may get and patch this object, with --kubeconfig or --context. This asks for the right:`,
          type: [askRight(asked, verb)],
        },
      );
    case 'unauthorized':
      return told(ends.notAllowed, `the API server does not know these credentials: ${why}`, {
        mend: 'they may have run out: sign in again, or use others with --kubeconfig or --context.',
        type: [],
      });
    case 'denied':
      return told(ends.needsPerson, `an admission webhook denied the write: ${why}`, {
        mend: 'the canary keeps its traffic. Mend what the webhook names, or ask for an exemption, and run this command again:',
        type: [kubectl(asked, 'get', 'validatingwebhookconfigurations')],
      });
    case 'invalid':
      return told(ends.invalid, why, {
        mend: 'nothing was written. Look at the object:',
        type: [seeIt(asked)],
      });
    case 'throttled':
    case 'unreachable':
    case 'timeout':
    case 'serverError':
    case 'unreadable':
      return told(ends.unreachable, `the API server could not be asked: ${why}`, {
        mend: 'nothing was written. Check the address and the network, or use another way in with --kubeconfig or --context:',
        type: [kubectl(asked, 'version')],
      });
  }
}

function byHand(asked: Asked, routes: ListedRoute[], { end, why }: Pick<Told, 'end' | 'why'>): Told {
  const patch = patchByHand(asked, routes);
  return told(end, why, {
    shares: routes,
    mend:
      patch === null
        ? 'nothing was written, and no route has two destinations to choose from. Look at the object:'
        : 'nothing was written. To move the weights by hand, put two numbers in here (these are as they stand): 100 for the version that users shall have, 0 for the other one.',
    type: [patch ?? seeIt(asked)],
  });
}

type Help = { shares?: ListedRoute[]; mend: string; type: string[] };

function told(end: End, why: string, { shares = [], mend, type }: Help): Told {
  const standing = shares.map((route) => row('Now', `${route.name || route.path}: ${sharesIn(route)}`));
  const commands = type.map((command) => `${command}\n`);
  return {
    outcome: 'not_done',
    end,
    why,
    text: [row('Not done', `${why}.`), ...standing, row('Mend', mend), ...commands].join(''),
  };
}

function sharesIn({ destinations }: ListedRoute): string {
  if (destinations.length === 0) return 'its destinations cannot be read';
  return destinations.map((one) => `${nameOf(one, destinations)} ${one.share} %`).join(', ');
}

function last(owner: { rolloutId: string } | null): string {
  return owner === null ? '' : ` (the last rollout, ${owner.rolloutId}, has ended)`;
}
