import Fastify, { type FastifyInstance } from 'fastify'

/** The page's script is ours; whatever it knows of other hosts (fonts, registries, proxies), the browser does not let it ask them. */
const fromHereOnly = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"

const paths = ['/docs', '/docs/', '/docs/js/scalar.js']

/** The readable reference, as an application of its own. */
async function openReference(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const reference = Fastify()
  await reference.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      title: 'Prompt Store',
      telemetry: false,
      withDefaultFonts: false,
      hideClientButton: true,
      agent: { disabled: true },
    } as never,
  })
  return reference
}

/**
 * `/openapi.json`, and a readable reference of it at `/docs` that needs nothing from elsewhere. The reference takes 30 MB,
 * so it is loaded when somebody first looks at it.
 */
export function apiReference(app: FastifyInstance, document: object): void {
  const text = JSON.stringify(document)
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text))
  let opening: Promise<FastifyInstance> | undefined
  for (const path of paths)
    app.get(path, { logLevel: 'silent' }, async (request, reply) => {
      opening ??= openReference()
      const { statusCode, headers, rawPayload } = await (await opening).inject(request.url)
      reply.code(statusCode).header('Content-Security-Policy', fromHereOnly)
      for (const name of ['content-type', 'location'] as const) if (headers[name]) reply.header(name, headers[name])
      return reply.send(rawPayload)
    })
}
