import { type Check, defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { bounded, orPass, warn } from '../judgement.ts';
import type { Subject } from '../snapshot.ts';
import { swallowedBlocks } from './match-cover.ts';
import { armName, type Entry, editing, judgeMoved, type Moved, refToMoved } from './moved.ts';

/**
 * The first route that matches takes the request.
 * Source: https://istio.io/latest/docs/reference/config/analysis/ist0130/ and .../ist0131/
 */
export const notSwallowed: Check = defineCheck({
  id: 'PF-VS-06',
  title: 'No earlier route takes all requests of a route that is to be moved',
  family: 'virtual-service',
  priority: 'P0',
  codes: ['IST0130', 'IST0131'],
  again: false,
  severity: 'warn',
  needs: ['movedVirtualServices'],
  judge: ({ movedVirtualServices }, subject) =>
    judgeMoved(movedVirtualServices, subject, (moved) => {
      const failures = moved.flatMap((one) => swallowing(one, subject));
      const read = moved.map((one) => `${one.called}: ${earlierWords(one)}`).join('; ');
      return orPass(bounded(failures), read);
    }),
});

function earlierOf({ object, key, index }: Moved): Entry[] {
  return (object.spec[key.kind] ?? []).slice(0, index);
}

function earlierWords(moved: Moved): string {
  const count = earlierOf(moved).length;
  return count === 0 ? 'it is the first one' : `${count} earlier, each of which leaves it what it matches`;
}

function swallowing(moved: Moved, subject: Subject): Failure[] {
  return earlierOf(moved).flatMap((earlier, index) => {
    const blocks = swallowedBlocks(earlier, moved.entry);
    if (blocks !== 'all' && blocks.length === 0) return [];
    const at = `spec.${moved.key.kind}[${index}]`;
    const what =
      blocks === 'all'
        ? `every request that ${moved.called} matches`
        : `what ${blocks.map((one) => `${moved.path}.match[${one}]`).join(', ')} of ${moved.called} matches`;
    const canary = armName(subject.canary);
    const means =
      blocks === 'all'
        ? `no weight moves anybody: ${canary} gets no request at any share, and its checks find no data`
        : `${canary} gets less than its share, and weights do not move these requests back either`;
    return [
      warn({
        read: `${at}${earlier.name ? ` ("${earlier.name}")` : ''} stands before it and takes ${what}`,
        means,
        mend: `put the route before ${at}, or narrow the match of that one: ${editing(moved)}`,
        object: refToMoved(moved),
        path: `${at}.match`,
      }),
    ];
  });
}
