// Sessions about quotas and the passwords of users.
import { alterUserScramCredentials } from '../../src/wire/kafka/messages/alter-user-scram-credentials.ts'
import { alterClientQuotas, describeClientQuotas } from '../../src/wire/kafka/messages/client-quotas.ts'
import { describeUserScramCredentials } from '../../src/wire/kafka/messages/describe-user-scram-credentials.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import type { Session } from './play.ts'

export const quotas: Session = {
  name: 'quotas',
  needs: [describeClientQuotas, alterClientQuotas],
  async run(play) {
    type Component = readonly [entityType: string, matchType: number, match: string | null]
    for (const version of play.versions(describeClientQuotas)) {
      const describe = (step: string, ...components: Component[]) =>
        play.ask(step, describeClientQuotas, version, {
          components: components.map(([entityType, matchType, match]) => ({ entityType, matchType, match })),
          strict: false,
        })
      await describe('all')
      await describe('of a user', ['user', 0, 'a'])
      await describe('of any client', ['client-id', 2, null])
      await describe('of a type nobody knows', ['thing', 0, 'a'])
      await describe('of an empty type', ['', 0, 'a'])
      await describe('by a name that is null', ['user', 0, null])
      await describe('by a match nobody knows', ['user', 9, null])
      await describe('of a type twice', ['user', 0, 'a'], ['user', 0, 'b'])
      await describe('of an address and a user', ['user', 0, 'a'], ['ip', 0, '1.2.3.4'])
      await describe('of the default, by a name', ['user', 1, 'a'])
    }
    for (const version of play.versions(alterClientQuotas)) {
      const alter = (step: string, entityType: string | null, key: string, value: number | null) =>
        play.ask(step, alterClientQuotas, version, {
          entries: [
            {
              entity: entityType === null ? [] : [{ entityType, entityName: 'a' }],
              ops: [{ key, value: value ?? 0, remove: value === null }],
            },
          ],
          validateOnly: true,
        })
      await alter('less', 'user', 'producer_byte_rate', null)
      await alter('more', 'user', 'producer_byte_rate', 10)
      await alter('below 0', 'user', 'producer_byte_rate', -10)
      await alter('a key nobody knows', 'user', 'odd', 10)
      await alter('no key nobody knows', 'user', 'odd', null)
      await alter('of a type nobody knows', 'thing', 'producer_byte_rate', 10)
      await alter('of nobody', null, 'producer_byte_rate', 10)
      await play.ask('nothing', alterClientQuotas, version, { entries: [], validateOnly: true })
    }
  },
}

export const users: Session = {
  name: 'users',
  needs: [describeUserScramCredentials, alterUserScramCredentials],
  async run(play) {
    const name = play.name('user')
    const other = play.name('other')
    const credential = {
      mechanism: 1,
      iterations: 4096,
      salt: Buffer.from('salt'),
      saltedPassword: Buffer.alloc(32),
    }
    const alter = (
      step: string,
      more: { deletions?: [string, number][]; upsertions?: (typeof credential & { name: string })[] },
    ) =>
      play.ask(step, alterUserScramCredentials, 0, {
        deletions: (more.deletions ?? []).map(([user, mechanism]) => ({ name: user, mechanism })),
        upsertions: more.upsertions ?? [],
      })
    const describe = (step: string, asked: string[]) =>
      play.ask(step, describeUserScramCredentials, 0, { users: asked.map(one => ({ name: one })) })
    await describe('not there', [name])
    await describe('twice', [name, name])
    await alter('new', { upsertions: [{ name, ...credential }] })
    const asker = await play.another()
    const isThere = async () => {
      const { results } = await asker.ask(describeUserScramCredentials, 0, { users: [{ name }] })
      return results[0]!.errorCode === 0
    }
    await waitFor(isThere, `${name} is there`)
    await describe('there', [name])
    await alter('gone that was not there', { deletions: [[other, 1]] })
    await alter('gone of another mechanism', { deletions: [[name, 2]] })
    await alter('a mechanism nobody knows', { upsertions: [{ name: other, ...credential, mechanism: 9 }] })
    await alter('too few iterations', { upsertions: [{ name: other, ...credential, iterations: 1 }] })
    await alter('too many iterations', { upsertions: [{ name: other, ...credential, iterations: 100_000 }] })
    await alter('no name', { upsertions: [{ name: '', ...credential }] })
    await alter('twice', {
      upsertions: [
        { name: other, ...credential },
        { name: other, ...credential },
      ],
    })
    await alter('gone', { deletions: [[name, 1]] })
  },
}
