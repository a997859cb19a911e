import type { Encoder } from '../../core/encoder.ts'
import { createEndpointEncoder } from './endpoint.ts'
import { createOfflineEncoder } from './offline.ts'

/** `off`; the encoder that comes with npm; an endpoint that speaks OpenAI's embeddings API; or one that is open already. */
export type Embeddings = 'off' | 'offline' | Readonly<{ url: string; model: string; apiKey?: string | undefined }> | Encoder

/** @returns undefined when there is to be none */
export function openEncoder(embeddings: Embeddings): Encoder | undefined {
  if (embeddings === 'off') return undefined
  if (embeddings === 'offline') return createOfflineEncoder()
  return 'embed' in embeddings ? embeddings : createEndpointEncoder(embeddings)
}
