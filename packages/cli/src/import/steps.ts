import type { CreatePrompt, Prompt, ServedPrompt } from '@prompt-store/sdk'

/** The facts of a prompt, as they stand beside each of its versions in an export. */
export type Exported = Pick<
  Prompt,
  'id' | 'description' | 'tags' | 'metadata' | 'isTemplate' | 'status' | 'parent' | 'createdBy' | 'createdAt' | 'updatedAt'
>

/** Where a version stands in its file, and in time. */
export type Place = Readonly<{ line: number; offset: number; length: number; order: number }>

/** One version to put in. */
export type Step = Readonly<{
  line: number
  content: CreatePrompt['content']
  message: string | undefined
  metadata: Readonly<Record<string, unknown>>
  /** By which a later run knows it: the source key, or number and checksum of an exported one. */
  key: string | undefined
  version?: number
  checksum?: string
  rollbackOf?: number
  labels?: readonly string[]
  declared?: Pick<ServedPrompt, 'engine' | 'variables' | 'config'>
}>

/** All versions of one prompt, in order; contents are read when their turn comes. */
export type History = Readonly<{
  file: string
  category: string
  title: string
  /** The source key of the prompt. */
  key: string
  /** Of an export: the id it had there, and its own facts. */
  exported?: Exported
  places: readonly Place[]
  step(place: Place, nth: Map<string, number>): Promise<Step>
}>
