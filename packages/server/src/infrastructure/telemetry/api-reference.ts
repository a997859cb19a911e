import Fastify, { type FastifyInstance } from 'fastify'

/** The page's script is ours; whatever it knows of other hosts (fonts, registries, proxies), the browser does not let it ask them. */
const fromHereOnly = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"

const paths = ['/docs', '/docs/', '/docs/js/scalar.js']

type Page = Readonly<{ status: number; headers: Readonly<Record<string, string | string[]>>; bytes: Buffer }>
type Pages = ReadonlyMap<string, Page>

/** Of one connection, which is not the one to the caller; and what is told of each answer anew. */
const ownHeaders = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])

/**
 * The pages of the readable reference, as the plugin answers them. It can only be had as a plugin, and an application that
 * listens takes no more of these: so another one, which never listens, is asked once for each page and ends.
 */
async function readPages(): Promise<Pages> {
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
  try {
    const pages = paths.map(async (path): Promise<[string, Page]> => {
      const { statusCode: status, headers: told, rawPayload: bytes } = await reference.inject(path)
      const headers = Object.entries(told).flatMap(([name, value]) =>
        value === undefined || ownHeaders.has(name) ? [] : [[name, typeof value === 'number' ? String(value) : value]],
      )
      return [path, { status, headers: Object.fromEntries(headers), bytes }]
    })
    return new Map(await Promise.all(pages))
  } finally {
    await reference.close()
  }
}

/**
 * `/openapi.json`, and a readable reference of it at `/docs` that needs nothing from elsewhere. The reference takes 30 MB,
 * so it is loaded when somebody first looks at it; what could not be loaded is tried again by the next one who looks.
 */
export function apiReference(app: FastifyInstance, document: object, read: () => Promise<Pages> = readPages): void {
  const text = JSON.stringify(document)
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(text))
  let reading: Promise<Pages> | undefined
  const pages = (): Promise<Pages> => {
    reading ??= read().catch((error) => {
      reading = undefined
      throw error
    })
    return reading
  }
  for (const path of paths)
    app.get(path, { logLevel: 'silent' }, async (_request, reply) => {
      const { status, headers, bytes } = (await pages()).get(path)!
      return reply
        .code(status)
        .headers({ ...headers, 'Content-Security-Policy': fromHereOnly })
        .send(bytes)
    })
}
