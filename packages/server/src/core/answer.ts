import type { Readable } from 'node:stream'

/** Finished bytes, or a stream of them: what a `serve` endpoint answers. */
export type Answer = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: Buffer | string | Readable }>
