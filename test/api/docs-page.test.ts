import { describe, expect, it } from 'vitest';
import { api } from './api.ts';

const app = api();

function get(url: string) {
  return app.inject({ url });
}

/** Every address that a page loads by itself. */
function assetsOf(html: string): string[] {
  return [...html.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, address = '']) => address);
}

describe('the page of the API', () => {
  it('needs no token to read', async () => {
    for (const url of ['/docs', '/docs/', '/docs/json', '/docs/static/swagger-ui-bundle.js']) {
      expect([url, (await get(url)).statusCode]).toEqual([url, 200]);
    }
  });

  it('loads everything from this server', async () => {
    for (const page of ['/docs', '/docs/']) {
      const { body } = await get(page);
      const assets = assetsOf(body);
      expect(assets.length).toBeGreaterThan(4);
      for (const asset of assets) {
        const { host, pathname } = new URL(asset, `http://canaryd.test${page}`);
        expect([asset, host]).toEqual([asset, 'canaryd.test']);
        expect([asset, (await get(pathname)).statusCode]).toEqual([asset, 200]);
      }
      expect(body).not.toMatch(/https?:\/\//);
    }
  });

  it('has no inline script, style or handler, and the browser is told to run none', async () => {
    for (const url of ['/docs', '/docs/static/swagger-ui.css', '/docs/json']) {
      const policy = String((await get(url)).headers['content-security-policy']);
      expect(policy).toContain(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:",
      );
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
    }
    const { body } = await get('/docs');
    for (const [, inside = ''] of body.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)) {
      expect(inside.trim()).toBe('');
    }
    expect(body).not.toMatch(/<style|\sstyle=|\son\w+=/);
  });

  it('starts with an own script that names no other host', async () => {
    const { body } = await get('/docs/static/swagger-initializer.js');
    expect(body).toContain("resolveUrl('./json')");
    // The one exception explains a browser's message in a comment.
    const hosts = [...body.matchAll(/https?:\/\/([^/\s"']+)/g)].map(([, host]) => host);
    expect(hosts.filter((host) => host !== 'stackoverflow.com')).toEqual([]);
    expect(body).toContain('validatorUrl: null');
  });

  it('shows the same contract as /openapi.yaml, and nothing about itself', async () => {
    const { paths } = (await get('/docs/json')).json();
    expect(Object.keys(paths)).toContain('/v1/rollouts/{id}/measurements');
    expect(Object.keys(paths).filter((path) => path.startsWith('/docs'))).toEqual([]);
    expect((await get('/openapi.yaml')).body).not.toContain('/docs');
  });

  it('leaves the strict policy of all other answers as it is', async () => {
    expect((await get('/healthz')).headers['content-security-policy']).toBe(
      "default-src 'none'; frame-ancestors 'none'",
    );
    expect((await get('/v1/rollouts')).statusCode).toBe(401);
  });
});
