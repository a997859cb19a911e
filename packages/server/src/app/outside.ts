import type { Expressions } from '../core/expressions.ts'
import type { Outbound } from '../core/outbound.ts'
import { createExpressions } from '../infrastructure/expressions/index.ts'
import { httpClient } from '../infrastructure/http-client/http-client.ts'
import type { AppOptions } from './options.ts'

/** What workspaces bring along that is not to be trusted: URLs to call, and conditions to evaluate. */
export type Outside = Readonly<{ outbound: Outbound; expressions: Expressions; close(): Promise<void> }>

export function openOutside({ outboundAllow: allow = [], outboundLoopback: loopback = false }: AppOptions): Outside {
  const outbound = httpClient({ loopback, allow })
  const expressions = createExpressions()
  return {
    outbound,
    expressions,
    async close() {
      await Promise.all([outbound.close(), expressions.close()])
    },
  }
}
