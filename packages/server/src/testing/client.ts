/** An answer of the service. `body` is parsed JSON, or the text when it is none. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
export type TestAnswer<B = any> = { status: number; headers: Headers; body: B; text: string }
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Call = <B = any>(method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<TestAnswer<B>>

/** A caller of the API over a real socket. Paths are under `/api/v1` unless they begin with `//`, which stands for the root. */
export const clientOf =
  (url: string, key?: string): Call =>
  async (method, path, body, headers = {}) => {
    const address = path.startsWith('//') ? url + path.slice(1) : `${url}/api/v1${path}`
    const response = await fetch(address, {
      method,
      headers: {
        ...(key && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parsed(text), text }
  }

function parsed(text: string): never {
  try {
    return JSON.parse(text) as never
  } catch {
    return text as never
  }
}
