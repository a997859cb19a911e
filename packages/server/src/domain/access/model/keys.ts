import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Type } from 'typebox'
import type { Principal } from '../../../core/access.ts'
import { AppError } from '../../../core/errors.ts'
import { eventType } from '../../../core/events.ts'
import { OpenModeRefused } from '../../../core/problem.ts'
import { Strict } from '../../../core/schemas.ts'

/** The workspace that is always there: of open mode and of the bootstrap key. */
export const defaultWorkspaceId = '00000000-0000-7000-8000-000000000001'

export const keyCreated = eventType('key.created', Strict({ name: Type.String() }), {
  description: 'A key was made',
  access: 'keys:read',
  promptless: true,
})

/** Who needs no key that is stored: everybody in open mode, and who has the bootstrap key. Undefined for any other id. */
export const installationPrincipal = (id: string): Principal | undefined =>
  id === 'open' || id === 'bootstrap'
    ? { id, workspaceId: defaultWorkspaceId, permissions: new Set(['*']), roles: ['owner'], instanceAdmin: true }
    : undefined

/** All that is kept of a key: SHA-256 in hex. Keys are long and random, so no slow hash is needed. */
export const hashKey = (key: string): string => hash('sha256', key)

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0')

/** A new key, `ps_<id>_<secret>_<checksum>`: 256 random bits; the CRC-32 lets scanners tell a key from a look-alike. */
export function newKey(id: string): string {
  const body = `ps_${id.replaceAll('-', '')}_${randomBytes(32).toString('hex')}`
  return `${body}_${checksum(body)}`
}

/** Whether a text has the form of a key and its checksum; what has not need not be looked up. */
export function isKey(text: string): boolean {
  const [, body = '', sum] = /^(ps_[0-9a-f]{32}_[0-9a-f]{64})_([0-9a-f]{8})$/.exec(text) ?? []
  return sum !== undefined && sum === checksum(body)
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

const loopbackHost = /^(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i
const proxyHeader = /^(forwarded|via|x-forwarded-.+|x-real-ip)$/

/** Why open mode will not serve a request: DNS rebinding, another site's page, or a proxy in front. */
export function openModeObjection(headers: Headers): string | undefined {
  const host = headers.host
  if (typeof host !== 'string' || !loopbackHost.test(host)) return 'its Host is not a loopback name'
  const { origin } = headers
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return 'it comes from a page of another origin'
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'it comes from a page of another site'
  const proxied = Object.keys(headers).find((name) => proxyHeader.test(name))
  return proxied && `it came through a proxy (${proxied})`
}

/** @throws OpenModeRefused (403) */
export function assertOpenModeServes(headers: Headers): void {
  const objection = openModeObjection(headers)
  if (objection)
    throw new AppError(
      OpenModeRefused,
      `Without any key the service serves local callers only, and this request is refused because ${objection}. Make a key: npx prompt-store-admin keys bootstrap.`,
    )
}
