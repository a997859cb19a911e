import type { Static, TSchema } from 'typebox'

/** A fact that has happened: what the change feed tells. `data` is small and holds no prompt text. */
export type DomainEvent = Readonly<{ type: string; subject: string; data: Readonly<Record<string, unknown>> }>

export type EventType<S extends TSchema = TSchema> = ((subject: string, data: Static<S>) => DomainEvent) &
  Readonly<{ type: string; schema: S }>

/** Declare an event type. Calling the value makes an event of it. @param type past tense, such as `prompt.created` */
export const eventType = <S extends TSchema>(type: string, schema: S): EventType<S> =>
  Object.assign((subject: string, data: Static<S>): DomainEvent => ({ type, subject, data: data as Readonly<Record<string, unknown>> }), {
    type,
    schema,
  })

/** An event as the feed gives it: with whose it is and where it stands. `position` is null until the relay has placed it. */
export type FeedEvent = DomainEvent & Readonly<{ id: number; position: number | null; xid: string; workspaceId: string }>
