import type { Feed } from '../../core/feed/feed.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { keepSealing } from './background.ts'
import type { CheckpointLog, CheckpointSink } from './model/checkpoint.ts'
import type { Attempt } from './model/refusal.ts'
import { createSigner } from './model/signing.ts'
import { createRefusals } from './refusals.ts'
import { routes } from './routes.ts'
import { createSealer } from './sealer.ts'
import { addRefusals } from './store.ts'
import { createWitness } from './witness.ts'

export type AuditParts = Readonly<{
  system: AcrossWorkspaces
  feed: Pick<Feed, 'onSignal' | 'isLeader'>
  /** The installation's AUDIT_SIGNING_KEY. */
  secret: string
  /** Where this machine keeps checkpoints; undefined: nowhere. */
  checkpoints: CheckpointLog | undefined
  /** Who is told of checkpoints besides. */
  sinks?: readonly CheckpointSink[]
  clock: () => string
  /** False: nothing is written and nothing sealed; what is there can be read. */
  enabled: boolean
  /** False: sealed only by `settle`. */
  inBackground: boolean
  log: (message: string, details?: object) => void
}>

export type Audit = Readonly<{
  module: Module
  /** A known principal was refused. */
  refused(attempt: Omit<Attempt, 'at'>): void
  /** Seal and carry out all that is committed now, refused attempts too; for tests and for an orderly end. */
  settle(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}>

/** The audit trail of one instance: its endpoints, the tally of refused attempts, and its share of the sealing. */
export function createAudit({ system, feed, secret, checkpoints, sinks = [], clock, enabled, inBackground, log }: AuditParts): Audit {
  const signer = createSigner(secret)
  const sealer = createSealer({ system, signer, clock })
  const witness = checkpoints && createWitness({ read: (work) => system(work, 'read'), log: checkpoints, also: sinks, signer, clock })
  let isCarrying = true
  /** Where nothing can be written, the service goes on, and the verification tells. */
  const carry = async () => {
    try {
      await witness?.pass()
      isCarrying = true
    } catch (error) {
      if (isCarrying) log('the audit checkpoints cannot be written; it will be tried with each new one', { error: String(error) })
      isCarrying = false
    }
  }
  const background = keepSealing({ sealer, carry, isLeader: feed.isLeader, log })
  const refusals = createRefusals(async (counted) => {
    await system((db) => addRefusals(db, counted), 'write')
    if (inBackground) background.schedule()
  }, log)
  return {
    module: defineModule({ name: 'audit', endpoints: routes({ signer, log: checkpoints }) }),
    refused: (attempt) => enabled && refusals.note({ ...attempt, at: clock() }),
    async settle() {
      await refusals.flush()
      while ((await sealer.pass()) !== 'done') await new Promise((resolve) => setTimeout(resolve, 5))
      await carry()
    },
    async start() {
      if (!enabled) return
      await carry()
      refusals.start()
      if (!inBackground) return
      feed.onSignal(background.schedule)
      background.schedule()
    },
    async stop() {
      await refusals.stop()
      await background.stop()
    },
  }
}

export type { CheckpointLog } from './model/checkpoint.ts'
