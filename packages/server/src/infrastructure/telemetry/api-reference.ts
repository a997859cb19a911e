import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'

/** `/openapi.json`, and a readable reference of it at `/docs`; the page's script is served from here, not from elsewhere. */
export async function apiReference(app: FastifyInstance, document: object): Promise<void> {
  const text = JSON.stringify(document)
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text))
  await app.register(scalar, {
    routePrefix: '/docs',
    logLevel: 'silent',
    configuration: { url: '/openapi.json', title: 'Prompt Store', telemetry: false, withDefaultFonts: false, hideClientButton: true, agent: { disabled: true } } as never,
  })
}
