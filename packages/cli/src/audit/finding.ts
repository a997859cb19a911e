/** The first place that is not in order. */
export type Finding = Readonly<{
  kind: 'edited' | 'deleted' | 'inserted' | 'swapped' | 'rewritten' | 'truncated' | 'signature' | 'file_altered' | 'checkpoints_altered'
  position: number | null
  sequence: number | null
  detail: string
}>
