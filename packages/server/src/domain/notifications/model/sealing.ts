import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Keeps texts so that the database alone does not tell them. */
export type Vault = Readonly<{
  /** @param about what it belongs to: it opens for the same alone */
  seal(text: string, about: string): string
  /** @returns undefined when it was sealed with another key, or for something else */
  open(sealed: string, about: string): string | undefined
}>

const ivBytes = 12
const tagBytes = 16

/** AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D). @param key 32 bytes */
export const vaultOf = (key: Uint8Array): Vault => ({
  seal(text, about) {
    const iv = randomBytes(ivBytes)
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(about))
    return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64')
  },
  open(sealed, about) {
    try {
      const bytes = Buffer.from(sealed, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(-tagBytes))
      return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
    } catch {
      return undefined
    }
  },
})
