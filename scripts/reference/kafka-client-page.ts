// The page docs/reference/kafka-client.md, written from the properties that the client knows.
import type { Vocabulary } from '../../src/fields.ts'
import {
  adminProperties,
  consumerProperties,
  producerProperties,
} from '../../src/kafka-client/known-properties.ts'
import { generated, vocabularyTables } from './vocabulary-tables.ts'

export const clientReferenceName = 'kafka-client.md'

/** Without what all clients have, and what only others have. */
function own({ options, withoutEffect = {}, ...rest }: Vocabulary): Vocabulary {
  const { options: all, withoutEffect: idle = {} } = adminProperties
  return {
    ...rest,
    options: Object.fromEntries(Object.entries(options).filter(([key]) => !Object.hasOwn(all, key))),
    withoutEffect: Object.fromEntries(
      Object.entries(withoutEffect).filter(
        ([key, why]) => idle[key] !== why && !why.startsWith('it belongs to Kafka'),
      ),
    ),
  }
}

const { options, withoutEffect = {} }: Vocabulary = adminProperties
const shared = Object.entries(withoutEffect).filter(([, why]) => !why.startsWith('it belongs to Kafka'))

export const clientReferencePage = (): string => `${generated}
# Properties of the Kafka client

Names, bounds and defaults are those of the Java clients but where the text says otherwise. The Kafka source has the
consumer's below \`kafka.consumer.\`, the Kafka sink the producer's below \`kafka.producer.\`; the tools take all of them from
the file of \`--command-config\` and its like. A key that only Kafka's other clients have has no effect, because one file often
serves all; any other is warned of. Serializers and \`enable.auto.commit\` are passed over.

## All clients

${vocabularyTables({ options, withoutEffect: Object.fromEntries(shared) }, '###').join('\n')}
## Consumers

${vocabularyTables(own(consumerProperties), '###').join('\n')}
## Producers

${vocabularyTables(own(producerProperties), '###').join('\n')}`
