import { createPrivateKey, createPublicKey, hash, hkdfSync, type KeyObject, sign, verify } from 'node:crypto'

/** Signs for the installation. Who has only `publicKey` can check everything and sign nothing. */
export type Signer = Readonly<{
  /** Ed25519, SPKI in base64: what stands between the lines of a PEM file. */
  publicKey: string
  keyId: string
  sign(text: string): Buffer
}>

/** What RFC 8410 puts before the 32 bytes of a private key in PKCS #8. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The first 16 hex digits of the SHA-256 of a public key's SPKI form. */
const keyIdOf = (key: KeyObject): string => hash('sha256', key.export({ format: 'der', type: 'spki' })).slice(0, 16)

/** An Ed25519 key pair derived from the installation's secret by HKDF-SHA-256 (RFC 5869): the same secret, the same key. */
export function createSigner(secret: string): Signer {
  const seed = Buffer.from(hkdfSync('sha256', secret, 'prompt-store', 'audit signing key/1', 32))
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    keyId: keyIdOf(publicKey),
    sign: (text) => sign(null, Buffer.from(text), privateKey),
  }
}

/** The public keys that are trusted, by their ids. */
export type Keyring = Readonly<{ check(keyId: string, text: string, signature: Uint8Array): boolean }>

/** @param publicKeys SPKI in base64. @throws a TypeError naming the one that is no Ed25519 key */
export function keyringOf(publicKeys: readonly string[]): Keyring {
  const keys = new Map(publicKeys.map(parsePublicKey).map((key) => [keyIdOf(key), key]))
  return {
    check(keyId, text, signature) {
      const key = keys.get(keyId)
      return key !== undefined && verify(null, Buffer.from(text), key, signature)
    },
  }
}

function parsePublicKey(text: string): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // told below
  }
  throw new TypeError(`"${text.slice(0, 100)}" is no Ed25519 public key`)
}
