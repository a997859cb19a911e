import type {} from '../../../core/db.ts'

declare module '../../../core/db.ts' {
  interface Tables {
    eventLogStart: Owned & { position: number; removedAt: string }
    eventMirror: { stream: string; position: number }
  }
}
