import type { Encoder } from '../../core/encoder.ts'

type Body = { data?: { index?: number; embedding?: unknown }[] }

/**
 * Any endpoint that speaks OpenAI's embeddings API.
 * @param options.url with or without the `/embeddings` at its end
 * @param options.apiKey sent as a bearer token, where the endpoint wants one
 */
export function createEndpointEncoder({ url, model, apiKey }: { url: string; model: string; apiKey?: string | undefined }): Encoder {
  const address = /\/embeddings\/?$/.test(url) ? url : `${url.replace(/\/$/, '')}/embeddings`
  return {
    model: `${model}@${new URL(address).host}`,
    async embed(texts, timeoutMs) {
      const response = await fetch(address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...(apiKey && { Authorization: `Bearer ${apiKey}` }) },
        body: JSON.stringify({ model, input: texts, encoding_format: 'float' }),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      })
      if (!response.ok) {
        await response.body?.cancel()
        throw new Error(`the embedding endpoint answered ${response.status}`)
      }
      return vectorsOf((await response.json()) as Body, texts.length)
    },
    close: async () => undefined,
  }
}

/** The vectors in the order of the texts. @throws when it is not one of the same length for each */
function vectorsOf({ data }: Body, count: number): Float32Array[] {
  const vectors: Float32Array[] = []
  for (const [i, { index = i, embedding }] of (data ?? []).entries())
    if (Array.isArray(embedding) && embedding.length > 0 && embedding.every(Number.isFinite)) vectors[index] = Float32Array.from(embedding)
  const lengths = new Set(vectors.map(({ length }) => length))
  if (vectors.length !== count || Object.keys(vectors).length !== count || lengths.size !== 1)
    throw new Error(`the embedding endpoint did not answer one vector for each of ${count} texts`)
  return vectors
}
