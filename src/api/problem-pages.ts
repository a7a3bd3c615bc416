import { z } from 'zod';
import { ProblemError } from './problem.ts';
import { isSlug, problemPage } from './problems.ts';
import { type ApiServer, NoQuery } from './route.ts';

const schema = {
  operationId: 'getProblem',
  summary: 'What a problem means and how to mend it',
  tags: ['problems'],
  params: z.strictObject({ slug: z.string().describe('The last part of the `type` of a problem.') }),
  querystring: NoQuery,
  response: { 200: { description: 'A short page.', content: { 'text/markdown': { schema: z.string() } } } },
};

/** `GET /problems/{slug}`: what the `type` of a problem leads to. */
export function problemPages(app: ApiServer): void {
  app.route({
    method: 'GET',
    url: '/problems/:slug',
    config: { problems: ['not-found'] },
    schema,
    handler: async (request, reply) => {
      const { slug } = request.params;
      if (!isSlug(slug)) throw new ProblemError('not-found', 'There is no problem of this name.');
      return reply.type('text/markdown; charset=utf-8').send(problemPage(slug));
    },
  });
}
