import { defineCheck } from '../check.ts';
import { bounded, error, orPass, skip, unknown, warn } from '../judgement.ts';

/**
 * A rate needs two samples, and a scrape that fails must not leave one: four intervals.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
 */
const leastScrapes = 4;
/** With fewer than two there is no rate at all. */
const rateScrapes = 2;

export const windowsLongEnough = defineCheck({
  id: 'PF-PR-04',
  title: 'Every check looks back over at least four scrapes',
  family: 'prometheus',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['scrape'],
  judge: ({ scrape }, { checks, canary }) => {
    if (checks.length === 0) return [skip('the plan has no checks')];
    if (!(scrape > 0 && Number.isFinite(scrape))) {
      return [
        unknown(
          `the scrape interval was read as ${scrape} s`,
          'see scrapeInterval in /api/v1/targets of Prometheus',
        ),
      ];
    }
    const least = leastScrapes * scrape;
    const failures = checks
      .filter(({ window }) => window < least)
      .map(({ id, window }) =>
        (window < rateScrapes * scrape ? error : warn)({
          read: `check ${id} looks back ${window} s, and metrics are scraped every ${scrape} s: ${least} s is the least`,
          means: `one scrape that fails leaves too few samples to count by: the check would see nothing of ${canary.version}, or a part of its requests`,
          mend: `in the plan, set window of check ${id} to at least ${Math.ceil(least)} s, or scrape at least every ${Math.floor((window / leastScrapes) * 10) / 10} s`,
        }),
      );
    const shortest = Math.min(...checks.map(({ window }) => window));
    return orPass(
      bounded(failures),
      `the shortest window is ${shortest} s, and metrics are scraped every ${scrape} s`,
    );
  },
});
