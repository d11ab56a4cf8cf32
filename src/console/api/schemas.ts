// The words of which the schemas of the API are made, and what every answer may be.
import { Type, type Static, type TSchema } from 'typebox'

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const number = Type.Number()
export const text = Type.String()
/** Whether there is such a topic is for Kafka to say; what is longer cannot be asked for. */
export const topicName = Type.String({ minLength: 1, maxLength: 249 })

/** good: disc; warn: triangle; bad: square; off: ring. Never shown by colour alone. */
export const Level = Type.Union([
  Type.Literal('good'),
  Type.Literal('warn'),
  Type.Literal('bad'),
  Type.Literal('off'),
])
export type Level = Static<typeof Level>

/** Of every answer that is not 2xx. */
export const Refusal = Type.Object({
  error: text,
  remedy: text,
  /** Of the body: what is wrong with it, where that is known. */
  field: Type.Optional(text),
})
export type Refusal = Static<typeof Refusal>
