import protobuf from 'protobufjs/light.js'
import { AppError } from '../../../core/errors.ts'
import { MediaTypeUnsupported, RequestMalformed } from '../../../core/problem.ts'

/**
 * What is read and written of OTLP (opentelemetry-proto 1.x: collector/trace/v1, trace/v1, resource/v1, common/v1, and
 * google/rpc/status), by the numbers of its fields. Others are skipped, as protobuf has it; of attributes all but lists and
 * maps, which nothing here reads, so that nothing here nests.
 */
const { nested } = {
  nested: {
    ExportTraceServiceRequest: { fields: { resourceSpans: { rule: 'repeated', type: 'ResourceSpans', id: 1 } } },
    ResourceSpans: { fields: { resource: { type: 'Resource', id: 1 }, scopeSpans: { rule: 'repeated', type: 'ScopeSpans', id: 2 } } },
    Resource: { fields: { attributes: { rule: 'repeated', type: 'KeyValue', id: 1 } } },
    ScopeSpans: { fields: { spans: { rule: 'repeated', type: 'Span', id: 2 } } },
    Span: {
      fields: {
        traceId: { type: 'bytes', id: 1 },
        spanId: { type: 'bytes', id: 2 },
        name: { type: 'string', id: 5 },
        startTimeUnixNano: { type: 'fixed64', id: 7 },
        endTimeUnixNano: { type: 'fixed64', id: 8 },
        attributes: { rule: 'repeated', type: 'KeyValue', id: 9 },
        status: { type: 'SpanStatus', id: 15 },
      },
    },
    SpanStatus: { fields: { message: { type: 'string', id: 2 }, code: { type: 'int32', id: 3 } } },
    KeyValue: { fields: { key: { type: 'string', id: 1 }, value: { type: 'AnyValue', id: 2 } } },
    AnyValue: {
      oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue'] } },
      fields: {
        stringValue: { type: 'string', id: 1 },
        boolValue: { type: 'bool', id: 2 },
        intValue: { type: 'int64', id: 3 },
        doubleValue: { type: 'double', id: 4 },
      },
    },
    ExportTraceServiceResponse: { fields: { partialSuccess: { type: 'PartialSuccess', id: 1 } } },
    PartialSuccess: { fields: { rejectedSpans: { type: 'int64', id: 1 }, errorMessage: { type: 'string', id: 2 } } },
    Status: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 } } },
  },
}
const messages = protobuf.Root.fromJSON({ nested })
const [Request, Response, Status] = ['ExportTraceServiceRequest', 'ExportTraceServiceResponse', 'Status'].map((name) =>
  messages.lookupType(name),
) as [protobuf.Type, protobuf.Type, protobuf.Type]

export type Encoding = 'json' | 'protobuf'
const types = { json: 'application/json', protobuf: 'application/x-protobuf' } as const

/** @returns undefined for a type that OTLP does not know */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = contentType?.replace(/;.*/s, '').trim().toLowerCase()
  return type === types.json ? 'json' : type === types.protobuf ? 'protobuf' : undefined
}

/** @throws MediaTypeUnsupported (415) */
export function assertEncoding(contentType: string | undefined): Encoding {
  const encoding = encodingOf(contentType)
  if (!encoding) throw new AppError(MediaTypeUnsupported, `Send spans as Content-Type: ${types.protobuf} or ${types.json}.`)
  return encoding
}

/**
 * The body of an export as JSON names its parts, in whatever encoding it came; not looked at yet. Of protobuf, ids are bytes.
 * @throws RequestMalformed (400)
 */
export function decodeRequest(body: Uint8Array, encoding: Encoding): unknown {
  try {
    if (encoding === 'protobuf') return Request.toObject(Request.decode(body), { longs: String })
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw new AppError(RequestMalformed, `The body is no export of spans as ${types[encoding]}: ${(error as Error).message}`)
  }
}

export type Written = { type: string; body: string | Uint8Array }

const written = (message: protobuf.Type, content: object, encoding: Encoding): Written => ({
  type: types[encoding],
  body: encoding === 'json' ? JSON.stringify(content) : Buffer.from(message.encode(message.fromObject(content)).finish()),
})

/** What became of an export: nothing to be told, or how many spans were refused and why. */
export const encodeResponse = (refused: { rejectedSpans: number; errorMessage: string } | undefined, encoding: Encoding): Written =>
  written(Response, refused ? { partialSuccess: { ...refused, rejectedSpans: String(refused.rejectedSpans) } } : {}, encoding)

/** A failure, as google.rpc.Status. @param status the one of HTTP */
export const encodeFailure = (status: number, message: string, encoding: Encoding): Written =>
  written(Status, { code: codes[status] ?? (status < 500 ? 3 : 13), message }, encoding)

/** google.rpc.Code by the status of HTTP. */
const codes: Readonly<Record<number, number>> = { 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14 }
