/** A page that a browser ended up on. */
export type Page = Readonly<{ url: URL; status: number; headers: Headers; text: string }>

/** As much of a browser as logging in takes: cookies per origin, redirects, forms. */
export type Browser = Readonly<{
  /** One request, no redirect followed. Cookies are sent and kept. */
  ask(method: string, url: string, options?: { headers?: Record<string, string>; body?: string }): Promise<Page>
  /** Follow redirects from a page until one that is none, or one for which `stop` says so of the address it leads to. */
  follow(page: Page, stop?: (next: URL) => boolean): Promise<Page>
  cookie(origin: string, name: string): string | undefined
  setCookie(origin: string, name: string, value: string): void
  dropCookie(origin: string, name: string): void
  /** All `Set-Cookie` lines that came so far. */
  readonly received: readonly string[]
}>

/** @param places where origins really are, as a TLS proxy in front would know it */
export function openBrowser(places: () => Readonly<Record<string, string>> = () => ({})): Browser {
  const jars = new Map<string, Map<string, string>>()
  const jarOf = (origin: string) => jars.get(origin) ?? jars.set(origin, new Map()).get(origin)!
  const received: string[] = []

  const keep = (jar: Map<string, string>, line: string) => {
    received.push(line)
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const gone = /max-age=0\b|expires=Thu, 01 Jan 1970/i.test(line)
    if (gone) jar.delete(name)
    else jar.set(name, value)
  }

  const ask: Browser['ask'] = async (method, address, { headers = {}, body } = {}) => {
    const url = new URL(address)
    const jar = jarOf(url.origin)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch((places()[url.origin] ?? url.origin) + url.pathname + url.search, {
      method,
      redirect: 'manual',
      headers: { accept: 'text/html,*/*', ...(cookie && { cookie }), ...headers },
      ...(body !== undefined && { body }),
    })
    for (const line of response.headers.getSetCookie()) keep(jar, line)
    return { url, status: response.status, headers: response.headers, text: await response.text() }
  }

  return {
    ask,
    async follow(page, stop = () => false) {
      let at = page
      for (let hops = 0; hops < 20; hops++) {
        const location = at.headers.get('location')
        if (at.status < 300 || at.status > 399 || location === null) return at
        const next = new URL(location, at.url)
        if (stop(next)) return at
        at = await ask('GET', next.href)
      }
      throw new Error('redirected in a circle')
    },
    cookie: (origin, name) => jarOf(origin).get(name),
    setCookie: (origin, name, value) => void jarOf(origin).set(name, value),
    dropCookie: (origin, name) => void jarOf(origin).delete(name),
    received,
  }
}
