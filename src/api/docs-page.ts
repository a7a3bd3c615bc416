import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { contractDocument } from './openapi.ts';

/** Nothing but this server's own files: no CDN, no inline script and no inline style. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * `GET /docs`: the contract to read and to try. It needs no token, because it says nothing about any rollout; what is
 * tried from it does.
 */
export function docsPage(app: FastifyInstance): void {
  app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, public: true };
    });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      // Without the bar on top, which would load contracts from elsewhere.
      uiConfig: { layout: 'BaseLayout', deepLinking: true, displayRequestDuration: true },
      theme: { title: 'canaryd API' },
      staticCSP: policy,
      transformSpecification: () => contractDocument(app),
      transformSpecificationClone: false,
    });
  });
}
