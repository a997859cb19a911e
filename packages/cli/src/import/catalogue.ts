import type { Client, PromptItem } from '@prompt-store/sdk'
import { nthName } from './identity.ts'

/** What the import has to know of a prompt that is there. */
export type Known = Readonly<
  Pick<PromptItem, 'id' | 'name' | 'version' | 'labels'> & { key: string | undefined; exportedFrom: string | undefined }
>

/** The names and source keys of one category: those in the store, and those that this run has given away. */
/** `byId`: by its own id, and by the one it had where it was exported. */
export type Shelf = Readonly<{ byKey: Map<string, Known>; byId: Map<string, Known>; names: Set<string> }>

export type Catalogue = Readonly<{
  /** Reads a category once, in pages. */
  shelf(category: string): Promise<Shelf>
  /** Begin to read a category that will be asked for. */
  prepare(category: string): void
  /** The prompt that has a name now. */
  find(category: string, name: string): Promise<Known | undefined>
}>

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const knownOf = ({ id, name, version, labels, metadata }: PromptItem): Known => ({
  id,
  name,
  version,
  labels,
  key: textOf(metadata.importKey),
  exportedFrom: textOf(metadata.exportedFrom),
})

export function createCatalogue(client: Client): Catalogue {
  const shelves = new Map<string, Promise<Shelf>>()

  const read = async (category: string): Promise<Shelf> => {
    const shelf: Shelf = { byKey: new Map(), byId: new Map(), names: new Set() }
    for await (const item of client.paginate('/prompts', { query: { category, view: 'summary', limit: 200 } })) {
      const known = knownOf(item)
      shelf.names.add(known.name)
      shelf.byId.set(known.id, known)
      if (known.exportedFrom !== undefined) shelf.byId.set(known.exportedFrom, known)
      if (known.key !== undefined) shelf.byKey.set(known.key, known)
    }
    return shelf
  }
  const shelf = (category: string): Promise<Shelf> => {
    const known = shelves.get(category) ?? read(category)
    shelves.set(category, known)
    return known
  }
  return {
    shelf,
    prepare: (category) => void shelf(category).catch(() => undefined),
    async find(category, name) {
      for await (const item of client.paginate('/prompts', { query: { category, q: name.slice(0, 400), view: 'summary', limit: 200 } }))
        if (item.name === name) return knownOf(item)
      return undefined
    },
  }
}

/** Take the first free name for a title. */
export function takeName({ names }: Shelf, title: string): string {
  for (let n = 1; ; n++) {
    const name = nthName(title, n)
    if (names.has(name)) continue
    names.add(name)
    return name
  }
}
