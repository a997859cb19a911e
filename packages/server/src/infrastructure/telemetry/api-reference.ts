import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'

/** The page's script is ours; whatever it knows of other hosts (fonts, registries, proxies), the browser does not let it ask them. */
const fromHereOnly = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"

/** `/openapi.json`, and a readable reference of it at `/docs` that needs nothing from elsewhere. */
export async function apiReference(app: FastifyInstance, document: object): Promise<void> {
  const text = JSON.stringify(document)
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text))
  await app.register(async (docs) => {
    docs.addHook('onRequest', async (_request, reply) => void reply.header('Content-Security-Policy', fromHereOnly))
    await docs.register(scalar, {
      routePrefix: '/docs',
      logLevel: 'silent',
      configuration: {
        url: '/openapi.json',
        title: 'Prompt Store',
        telemetry: false,
        withDefaultFonts: false,
        hideClientButton: true,
        agent: { disabled: true },
      } as never,
    })
  })
}
