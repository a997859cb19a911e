import { PromptStoreError } from '@prompt-store/sdk'

/** GET an answer of any size piece by piece. @param path under /api/v1. @throws PromptStoreError for every failure */
export async function* download(path: string, { url, apiKey }: { url: string; apiKey: string | undefined }): AsyncGenerator<Uint8Array> {
  const address = `${url.replace(/\/+$/, '')}/api/v1${path}`
  const response = await fetch(address, { headers: apiKey ? { Authorization: `Bearer ${apiKey}` } : {}, redirect: 'error' }).catch(
    (cause) => {
      throw new PromptStoreError({
        status: 0,
        code: 'network.unreachable',
        detail: `${url} cannot be reached. Is the service running there?`,
        cause,
      })
    },
  )
  if (!response.ok) {
    const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; requestId?: string }
    const { code = 'http.failed', detail = `GET ${path} was answered ${response.status}.`, requestId } = problem
    throw new PromptStoreError({ status: response.status, code, detail, ...(requestId !== undefined && { requestId }) })
  }
  yield* response.body ?? []
}
