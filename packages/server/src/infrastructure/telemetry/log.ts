import { type DestinationStream, type Logger, pino } from 'pino'

/** JSON logs. Secrets never reach them: keys, cookies, and everything behind the `?` of an address. */
export const createLog = (level: string, destination?: DestinationStream): Logger =>
  pino(
    {
      level,
      base: { service: 'prompt-store' },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: ['*.authorization', '*.cookie', '*.password', 'authorization', 'req.headers.authorization'], censor: '[redacted]' },
      serializers: { err: withoutSecrets },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  )

/** An error as its type, message and stack; not the values of a query, which may be prompts. */
function withoutSecrets(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code } = error as { code?: string }
  const cause = error.cause === undefined ? {} : { cause: withoutSecrets(error.cause) }
  return { type: error.name, message: error.message, ...(code && { code }), stack: error.stack, ...cause }
}
