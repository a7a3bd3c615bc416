import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';

const least = {
  DATABASE_URL: 'postgres://canaryd:secret-of-the-database@db.test/canaryd',
  CANARYD_PROMETHEUS_URL: 'http://prometheus.test:9090',
  CANARYD_TOKENS_FILE: '/etc/canaryd/tokens.json',
};

function messageOf(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return '';
}

describe('the configuration', () => {
  it('needs a database, a Prometheus and tokens, and has defaults for the rest', () => {
    expect(readConfig(least)).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      role: 'all',
      kubeconfig: { kind: 'inCluster' },
      clusterDomain: 'cluster.local',
      prometheus: { auth: null, scrapeSeconds: 15 },
      concurrency: 10,
      logLevel: 'info',
    });
  });

  it('lists every fault at once, by name', () => {
    const message = messageOf({
      CANARYD_LISTEN: 'nowhere',
      CANARYD_ROLE: 'king',
      CANARYD_SCRAPE_SECONDS: '0',
    });
    for (const name of [
      'DATABASE_URL is missing',
      'CANARYD_PROMETHEUS_URL is missing',
      'CANARYD_TOKENS_FILE is missing',
      'CANARYD_LISTEN',
      'CANARYD_ROLE',
      'CANARYD_SCRAPE_SECONDS',
    ]) {
      expect(message).toContain(name);
    }
    expect(message).toContain('6 fault(s)');
  });

  it('never quotes a value, which may be a secret', () => {
    const message = messageOf({ ...least, DATABASE_URL: 'mysql://root:secret-of-the-database@db' });
    expect(message).toContain('DATABASE_URL');
    expect(message).not.toContain('secret-of-the-database');
  });

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    ['[::1]:9000', { host: '::1', port: 9000 }],
  ])('listens on %s', (text, expected) => {
    expect(readConfig({ ...least, CANARYD_LISTEN: text }).listen).toEqual(expected);
  });

  it('wants the user and the password of Prometheus together', () => {
    expect(messageOf({ ...least, CANARYD_PROMETHEUS_USER: 'canaryd' })).toContain('go together');
    const both = { ...least, CANARYD_PROMETHEUS_USER: 'canaryd', CANARYD_PROMETHEUS_PASSWORD: 'p' };
    expect(readConfig(both).prometheus.auth).toEqual({ username: 'canaryd', password: 'p' });
  });
});
