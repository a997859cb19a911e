/** Where the feed is mirrored to: a stream of which every entry has the position of an event as its id. */
export type MirrorStream = Readonly<{
  name: string
  isReady(): boolean
  /** The position of the last entry that was ever added; 0: none was. */
  newest(): Promise<number>
  /** Add entries in order, all of them or none; what is there already is passed over. */
  append(entries: readonly { position: number; fields: Readonly<Record<string, string>> }[]): Promise<void>
  close(): Promise<void>
}>
