import { createHmac, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { Signing } from './webhooks.ts'

/** Standard Webhooks 1.0: symmetric secrets, and private and public keys, as text. */
const prefixes = { v1: 'whsec_', v1a: 'whsk_', public: 'whpk_' }
const secretBytes = 32
/** What stands before the 32 bytes of an ed25519 key in PKCS #8 (RFC 8410 §7). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A new secret: what the receiver verifies with (`v1`), or the private key of a pair (`v1a`). */
export const newSecret = (signing: Signing): string => prefixes[signing] + randomBytes(secretBytes).toString('base64')

const privateKeyOf = (secret: string): KeyObject =>
  createPrivateKey({
    key: Buffer.concat([pkcs8, Buffer.from(secret.slice(prefixes.v1a.length), 'base64')]),
    format: 'der',
    type: 'pkcs8',
  })

/** The public half of a `v1a` secret, `whpk_…`: what its receiver verifies with. */
export function publicKeyOf(secret: string): string {
  const { x } = createPublicKey(privateKeyOf(secret)).export({ format: 'jwk' })
  return prefixes.public + Buffer.from(x!, 'base64url').toString('base64')
}

/**
 * The header `webhook-signature`: one signature for each secret, over `id.timestamp.body`, separated by spaces.
 * @param message.timestamp seconds since 1970
 * @param message.body exactly what is sent
 */
export function signatureOf(secrets: readonly string[], message: Readonly<{ id: string; timestamp: number; body: string }>): string {
  const signed = Buffer.from(`${message.id}.${message.timestamp}.${message.body}`)
  return secrets
    .map((secret) =>
      secret.startsWith(prefixes.v1a)
        ? `v1a,${sign(null, signed, privateKeyOf(secret)).toString('base64')}`
        : `v1,${createHmac('sha256', Buffer.from(secret.slice(prefixes.v1.length), 'base64'))
            .update(signed)
            .digest('base64')}`,
    )
    .join(' ')
}
