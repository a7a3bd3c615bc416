import type { RolloutSeen } from '../client.ts';
import { clipped, type Line, lineWidth, padded, piece, type Style } from './line.ts';
import { timeOfDay } from './numbers.ts';
import type { ScreenState } from './state.ts';
import { type Symbols, symbolsOf } from './symbols.ts';

type Mark = 'done' | 'now' | 'toCome' | 'failed' | 'waiting';

const badges: Record<string, { mark: Mark; style: Style; words: string }> = {
  preflight: { mark: 'toCome', style: 'accent', words: 'PREFLIGHT' },
  running: { mark: 'now', style: 'accent', words: 'RUNNING' },
  promoting: { mark: 'now', style: 'accent', words: 'PROMOTING' },
  holding: { mark: 'waiting', style: 'warn', words: 'HOLDING' },
  paused: { mark: 'waiting', style: 'warn', words: 'PAUSED' },
  rolling_back: { mark: 'failed', style: 'bad', words: 'ROLLING BACK' },
  rolled_back: { mark: 'failed', style: 'bad', words: 'ROLLED BACK' },
  rollback_failed: { mark: 'failed', style: 'bad', words: 'ROLLBACK FAILED' },
  preflight_failed: { mark: 'failed', style: 'bad', words: 'NOT STARTED' },
  succeeded: { mark: 'done', style: 'good', words: 'SUCCEEDED' },
  cancelled: { mark: 'failed', style: 'warn', words: 'CANCELLED' },
};

/** What is released, from where to where, by which plan and for whom, and how it stands. */
export function header(state: ScreenState, release: RolloutSeen, columns: number): Line[] {
  const symbols = symbolsOf(state);
  const { target, versions, plan } = release;
  const route = target.route === null ? '' : ` ${symbols.dot} route ${target.route}`;
  const left = [piece(target.virtualService, 'bold'), piece(`  ${target.namespace}${route}`, 'dim')];
  const right = [...badge(release, symbols), ...place(release)];
  const reason = release.reason === null ? [] : [piece(`  ${release.reason}`, 'dim')];
  const second = [
    piece(`${versions.stable} ${symbols.arrow} ${versions.canary}`, 'bold'),
    piece(`  plan ${plan.name}  since ${timeOfDay(release.createdAt)} for ${release.requestedBy.name}`),
    ...reason,
  ];
  return [...spread(left, right, { columns, symbols }), clipped(second, columns, symbols.ellipsis)];
}

/** How it stands, in words and not only in colour. */
function badge(release: RolloutSeen, symbols: Symbols): Line {
  const words = (text: string) => text.replaceAll('_', ' ');
  const fallback = {
    mark: 'now' as const,
    style: 'accent' as const,
    words: words(release.status).toUpperCase(),
  };
  const { mark, style, words: status } = badges[release.status] ?? fallback;
  const stuck = release.outcome?.stuck ?? null;
  const isStuck = release.status === 'rolling_back' && stuck !== null;
  const why = isStuck ? stuck : release.statusReason;
  const said = `${symbols[mark]} ${status}${isStuck ? ', STUCK' : ''}`;
  return why === null ? [piece(said, style)] : [piece(said, style), piece(` ${words(why)}`, style)];
}

function place({ step }: RolloutSeen): Line {
  return step === null ? [] : [piece(`  step ${step.index + 1} of ${step.total}`)];
}

/** One line when both fit, else two. */
function spread(left: Line, right: Line, room: { columns: number; symbols: Symbols }): Line[] {
  const { columns, symbols } = room;
  const gap = columns - lineWidth(left) - lineWidth(right);
  if (gap >= 2) return [[...padded(left, columns - lineWidth(right)), ...right]];
  return [left, right].map((line) => clipped(line, columns, symbols.ellipsis));
}
