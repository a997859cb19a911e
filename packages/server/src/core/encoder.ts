/** Makes vectors of texts: what search asks of a sentence encoder, wherever that runs. */
export type Encoder = Readonly<{
  /** Which vectors these are, such as `use-lite-en@0.2.0`: those of different names are never compared. */
  model: string
  /**
   * @param texts none of them empty
   * @param timeoutMs how long the caller waits
   * @returns one vector for each text, in their order, all of one length
   * @throws when the encoder is missing, broken or too slow
   */
  embed(texts: readonly string[], timeoutMs: number): Promise<readonly Float32Array[]>
  close(): Promise<void>
}>
