import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from '../../../test/fast-check.ts'
import { assignors, type Assignment, type Member } from './assignors.ts'
import { encodeStickyData } from './group-protocol.ts'

const member = (memberId: string, topics: string[], userData: Buffer | null = null): Member => ({
  memberId,
  groupInstanceId: null,
  topics,
  userData,
})
const shown = (assignment: Assignment) =>
  Object.fromEntries(
    [...assignment].map(([id, list]) => [id, list.map(one => `${one.topic}${one.partition}`).join(' ')]),
  )

describe('range', () => {
  it('gives runs of each topic, the first members one more', () => {
    const members = [member('b', ['x', 'y']), member('a', ['x', 'y'])]
    assert.deepEqual(
      shown(
        assignors.range(
          members,
          new Map([
            ['x', 3],
            ['y', 3],
          ]),
        ),
      ),
      {
        a: 'x0 x1 y0 y1',
        b: 'x2 y2',
      },
    )
  })

  it('passes over members without the topic, and topics that do not exist', () => {
    const members = [member('a', ['x']), member('b', ['x', 'y', 'z']), member('c', ['x'])]
    assert.deepEqual(
      shown(
        assignors.range(
          members,
          new Map([
            ['x', 2],
            ['y', 2],
          ]),
        ),
      ),
      {
        a: 'x0',
        b: 'x1 y0 y1',
        c: '',
      },
    )
  })

  it('puts static members first', () => {
    const members = [member('a', ['x']), { ...member('z', ['x']), groupInstanceId: 'i' }]
    assert.deepEqual(shown(assignors.range(members, new Map([['x', 1]]))), { a: '', z: 'x0' })
  })
})

describe('round-robin', () => {
  it('deals all partitions in turn', () => {
    const members = [member('a', ['x', 'y']), member('b', ['x', 'y'])]
    assert.deepEqual(
      shown(
        assignors.roundrobin(
          members,
          new Map([
            ['x', 3],
            ['y', 3],
          ]),
        ),
      ),
      {
        a: 'x0 x2 y1',
        b: 'x1 y0 y2',
      },
    )
  })

  it('passes over members without the topic, as in the documentation of the Java client', () => {
    // t0 has one partition, t1 two, t2 three; C0 reads t0, C1 t0 and t1, C2 all.
    const members = [member('C0', ['t0']), member('C1', ['t0', 't1']), member('C2', ['t0', 't1', 't2'])]
    const counts = new Map([
      ['t0', 1],
      ['t1', 2],
      ['t2', 3],
    ])
    assert.deepEqual(shown(assignors.roundrobin(members, counts)), {
      C0: 't00',
      C1: 't10',
      C2: 't11 t20 t21 t22',
    })
  })
})

describe('sticky', () => {
  it('keeps what members had, and gives a new one its share', () => {
    const counts = new Map([['x', 6]])
    const first = assignors.sticky([member('a', ['x']), member('b', ['x'])], counts)
    const again = [...first].map(([id, list]) => member(id, ['x'], encodeStickyData(list, 1)))
    const second = assignors.sticky([...again, member('c', ['x'])], counts)
    for (const id of ['a', 'b']) {
      assert.equal(second.get(id)!.length, 2)
      for (const one of second.get(id)!)
        assert.ok(
          first.get(id)!.some(had => had.partition === one.partition),
          `${id} kept ${one.partition}`,
        )
    }
    assert.equal(second.get('c')!.length, 2)
  })

  it('believes the newest claim', () => {
    const had = (generation: number) => encodeStickyData([{ topic: 'x', partition: 0 }], generation)
    const members = [member('a', ['x'], had(1)), member('b', ['x'], had(2))]
    assert.deepEqual(shown(assignors.sticky(members, new Map([['x', 1]]))), { a: '', b: 'x0' })
  })
})

describe('every assignor', () => {
  const topic = fc.constantFrom('t', 'u', 'v', 'w')
  const group = fc.uniqueArray(
    fc.record({ id: fc.constantFrom(...'abcdefg'), topics: fc.uniqueArray(topic) }),
    {
      selector: one => one.id,
      minLength: 1,
    },
  )
  const counts = fc.dictionary(topic, fc.integer({ min: 1, max: 9 }))
  for (const [name, assign] of Object.entries(assignors))
    it(`${name} gives each partition to exactly one member that reads the topic`, () => {
      fc.assert(
        fc.property(group, counts, (members, byTopic) => {
          const all = members.map(({ id, topics }) => member(id, topics))
          const sizes = new Map(Object.entries(byTopic))
          const assignment = assign(all, sizes)
          const given = [...assignment].flatMap(([id, list]) => list.map(one => ({ id, ...one })))
          for (const one of given)
            assert.ok(all.find(each => each.memberId === one.id)!.topics.includes(one.topic))
          const wanted = [...sizes].filter(([each]) => all.some(one => one.topics.includes(each)))
          const names = given.map(one => `${one.topic}-${one.partition}`)
          assert.equal(new Set(names).size, names.length)
          assert.equal(
            names.length,
            wanted.reduce((sum, [, size]) => sum + size, 0),
          )
        }),
      )
    })

  it('sticky leaves nobody two behind another whose partition it could read', () => {
    fc.assert(
      fc.property(group, counts, (members, byTopic) => {
        const all = members.map(({ id, topics }) => member(id, topics))
        const assignment = assignors.sticky(all, new Map(Object.entries(byTopic)))
        for (const rich of all)
          for (const poor of all)
            for (const one of assignment.get(rich.memberId)!)
              if (poor.topics.includes(one.topic))
                assert.ok(assignment.get(rich.memberId)!.length - assignment.get(poor.memberId)!.length < 2)
      }),
    )
  })
})
