import type { FastifyInstance } from 'fastify'
import { type ErrorKind, errorCatalogue } from '../errors.ts'

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

/** A small page of ours; the title is escaped, the body is HTML. */
export const page = (
  title: string,
  body: string,
): string => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em;border-radius:.2em}td{padding:.2em 1em .2em 0;vertical-align:top}</style>
<h1>${escapeHtml(title)}</h1>${body}</html>`

/** What a status means, and what a caller does about it. */
const meaning: Readonly<Record<number, string>> = {
  400: 'The request does not match the schema. <code>errors</code> points to each field. Sending it again unchanged will not help.',
  401: 'No valid key came with the request. Send <code>Authorization: Bearer &lt;key&gt;</code>.',
  403: 'The key is valid but lacks the permission that <code>detail</code> names, or open mode refused a caller that is not local.',
  404: 'It does not exist in your workspace, or not any more.',
  405: 'The address exists but does not take this method; <code>Allow</code> lists those it takes.',
  409: 'The request conflicts with the present state. <code>detail</code> says with what; change that first.',
  410: 'It was taken out of service. An earlier version can still be read by its number.',
  412: 'The resource has changed since you read it (<code>If-Match</code>). Read it again and apply your change to what you find.',
  413: 'Too large. <code>detail</code> names the limit.',
  414: 'The address is too long.',
  415: 'Send JSON: <code>Content-Type: application/json</code>.',
  422: 'The request matches the schema but makes no sense. <code>errors</code> says where, <code>detail</code> what to do.',
  429: 'Too many requests for this key. Wait for <code>Retry-After</code> seconds; <code>RateLimit</code> tells what is left.',
  431: 'The headers are too large.',
  500: 'A fault of ours. Report it with the <code>requestId</code>.',
  503: 'Not available just now. Wait for <code>Retry-After</code> seconds and try again.',
}

const errorPage = ({ code, status, title }: ErrorKind): string =>
  page(
    title,
    `<p><code>${code}</code> · HTTP ${status}</p><p>${meaning[status] ?? ''}</p><p><a href="/docs/errors">All failures</a> · <a href="/docs">API reference</a></p>`,
  )

const indexPage = (): string =>
  page(
    'Failures',
    `<p>Every failure is an RFC 9457 problem document with a stable <code>code</code>.</p><table>${errorCatalogue()
      .map(
        ({ code, status, title }) => `<tr><td>${status}<td><a href="/docs/errors/${code}"><code>${code}</code></a><td>${escapeHtml(title)}`,
      )
      .join('')}</table>`,
  )

/** `/docs/errors/{code}`: where the `type` of every problem document leads. */
export function errorDocs(app: FastifyInstance): void {
  app.get('/docs/errors', (_request, reply) => reply.type('text/html; charset=utf-8').send(indexPage()))
  app.get<{ Params: { code: string } }>('/docs/errors/:code', (request, reply) => {
    const kind = errorCatalogue().find(({ code }) => code === request.params.code)
    return kind ? reply.type('text/html; charset=utf-8').send(errorPage(kind)) : reply.callNotFound()
  })
}
