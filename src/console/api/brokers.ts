// Answers about clusters and their brokers.
import { Type, type Static } from 'typebox'
import { nullable, number, text } from './schemas.ts'

export const Clusters = Type.Array(
  Type.Object({
    name: text,
    servers: text,
    /** Connect string of the ZooKeeper that it was found in. */
    zookeeper: nullable(text),
    /** Why its brokers are not known. */
    problem: nullable(text),
  }),
)
export type Clusters = Static<typeof Clusters>

export const Brokers = Type.Object({
  takenAt: number,
  clusterId: nullable(text),
  brokers: Type.Array(
    Type.Object({
      id: number,
      host: text,
      port: number,
      rack: nullable(text),
      isController: Type.Boolean(),
      leaders: number,
      replicas: number,
      /** Records a second that are written to partitions it leads, by their offsets. */
      perSecond: nullable(number),
      bytes: nullable(number),
      /** Null where the broker does not tell them (before Kafka 1.0). */
      directories: nullable(
        Type.Array(
          Type.Object({
            path: text,
            problem: nullable(text),
            replicas: number,
            bytes: number,
            /** Of the file system; null before Kafka 3.3. */
            totalBytes: nullable(number),
            usableBytes: nullable(number),
          }),
        ),
      ),
    }),
  ),
})
export type Brokers = Static<typeof Brokers>

/** Topics that have a replica on the broker. */
export const BrokerTopics = Type.Object({
  takenAt: number,
  topics: Type.Array(
    Type.Object({
      name: text,
      isInternal: Type.Boolean(),
      /** Of the topic; held and led by the broker. */
      partitions: number,
      held: number,
      led: number,
      /** CMAK's: more than an even share. */
      isSkewed: Type.Boolean(),
      isLeaderSkewed: Type.Boolean(),
      /** Records a second that are written to partitions it leads. */
      perSecond: nullable(number),
      /** Of the replicas on the broker. */
      bytes: nullable(number),
    }),
  ),
})
export type BrokerTopics = Static<typeof BrokerTopics>
