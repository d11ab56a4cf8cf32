// What is committed with a position, as its metadata: whether it was committed in the generation in which its group
// began, and the id of the topic in which it counts. Members of other kinds commit no such notes.
import { nameOf, type TopicPartition } from '../contract.ts'

const begunIn = (generation: number) => `begun in generation ${generation}`

/** `generation`: in which the group began, -1 where that is over; `topicId`: '' where brokers do not tell. */
export const noteOf = (generation: number, topicId: string): string =>
  [generation === -1 ? '' : begunIn(generation), topicId === '' ? '' : `topic ${topicId}`]
    .filter(part => part !== '')
    .join('; ')

export const hasBegunIn = (note: string, generation: number): boolean =>
  note.split('; ').includes(begunIn(generation))

/** Whether the position counts in the topic of this id, as far as that is known. */
export function countsInTopic(note: string, topicId: string): boolean {
  const id = /(?:^|; )topic (\S+)$/.exec(note)?.[1]
  return id === undefined || topicId === '' || id === topicId
}

/** The warning where it does not. Records from the position up to `fetchOffset` were fetched and not delivered. */
export function recreatedWarning(one: TopicPartition, position: number, fetchOffset: number): string {
  const rest =
    fetchOffset > position
      ? `, and records ${position}..${fetchOffset - 1}, which had been fetched and not delivered, are discarded`
      : ''
  return `topic ${one.topic} was deleted and created again: position ${position} of ${nameOf(one)} belongs to the deleted topic${rest}; the new topic is read from its start`
}
