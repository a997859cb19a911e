import type { FastifyBaseLogger } from 'fastify'
import type { LoginConfig } from '../config.ts'
import type { RateLimit } from '../core/limits/exchange.ts'
import type { Module } from '../core/module.ts'
import type { Embeddings } from '../infrastructure/embeddings/index.ts'
import type { AllowedNetwork } from '../infrastructure/http-client/allow-list.ts'
import type { Telemetry } from '../infrastructure/telemetry/otel.ts'

export const version = '0.1.0'

export type AppOptions = Readonly<{
  databaseUrl: string
  /** A session connection, when `databaseUrl` goes through a transaction pooler. */
  directUrl?: string | undefined
  databaseConnections: number
  redisUrl?: string | undefined
  /** The Redis Stream to which the change feed is mirrored, and how many entries it keeps, about. */
  redisStream?: Readonly<{ name: string; maxLength: number }> | undefined
  /** Bytes of the level-1 cache; 0 turns it off. */
  cacheBytes: number
  /** What makes vectors for semantic search; off unless told. */
  embeddings?: Embeddings
  /** Bytes that the vectors in memory may take. */
  vectorBytes?: number
  encryptionKey: string
  bootstrapApiKey?: string | undefined
  /** How people log in; without it they do not. */
  login?: LoginConfig | undefined
  /** Requests a second for each key, and a tenth of it for each address without one; absent: no limit. */
  rateLimit?: RateLimit
  /** After so many days events leave the event log; 90 unless told. */
  eventRetentionDays?: number
  /** Networks that URLs of workspaces may lead to beside the public ones. */
  outboundAllow?: readonly AllowedNetwork[]
  /** URLs of workspaces may lead to this machine: while only this machine reaches the service. */
  outboundLoopback?: boolean
  trustProxy?: string[] | number | undefined
  /** Refuse the less urgent when there is too much to do; true unless told. */
  shedding?: boolean
  /** Where traces and metrics are sent; absent: nowhere. */
  telemetry?: Telemetry | undefined
  auditSigningKey: string
  /** False: changes leave no audit entries. */
  audit?: boolean
  /** False: nothing is sealed until `audit.settle` is called: for tests. */
  auditInBackground?: boolean
  /** The file in which this machine keeps the audit trail's checkpoints; absent: none. */
  auditCheckpoints?: string | undefined
  log: FastifyBaseLogger
  clock?: () => string
  /** Check every reply against its schema: for tests. */
  checkReplies?: boolean
  /** Contexts beside the product's own: for tests of core. */
  extraModules?: readonly Module[]
}>
