import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyConfigFilters } from './config-filters.ts'
import { parseProperties } from './properties.ts'

const ran: (readonly string[])[] = []

const apply = (text: string) =>
  applyConfigFilters(parseProperties(text, 'f').settings, 'a', {
    environment: { PASSWORD: 'hunter2' },
    async run(command) {
      ran.push(command)
      if (command.at(-1) === 'broken') throw new Error('it ended with code 3')
      return `answer to ${command.at(-1)}`
    },
  })

const env = 'a.configfilters = f\na.configfilters.f.type = env\n'
const external =
  'a.configfilters = f\na.configfilters.f.type = external\na.configfilters.f.command = /bin/ask  me\n'

for (const reference of ["${f['PASSWORD']}", '${f["PASSWORD"]}', '${f[PASSWORD]}'])
  test(`env answers ${reference}, and the value counts as secret`, async () => {
    const { settings, problems } = await apply(`${env}a.sinks.k.password = <${reference}>\n`)
    assert.deepEqual(problems, [])
    assert.equal(settings.at(-1)!.value, '<hunter2>')
    assert.equal(settings.at(-1)!.looked, true)
  })

test('external runs its command with the key as the last argument', async () => {
  const { settings } = await apply(`${external}a.sinks.k.password = \${f['key']}\n`)
  assert.equal(settings.at(-1)!.value, 'answer to key')
  assert.deepEqual(ran.at(-1), ['/bin/ask', 'me', 'key'])
})

test('what a filter cannot answer stays as typed, with a warning', async () => {
  for (const [text, said] of [
    [`${env}a.sinks.k.x = \${f['NONE']}`, /config filter f has nothing for NONE/],
    [`${external}a.sinks.k.x = \${f['broken']}`, /config filter f failed for broken: it ended with code 3/],
    ["a.sinks.k.x = ${g['key']}", /no config filter named g/],
  ] as const) {
    const { settings, problems } = await apply(text)
    assert.match(settings.at(-1)!.value, /^\$\{/)
    assert.equal(problems[0]!.severity, 'warning')
    assert.match(problems[0]!.problem, said)
  }
})

test('a filter that is not set up refuses', async () => {
  for (const [text, said] of [
    ['a.configfilters = f', /f has no type/],
    ['a.configfilters = f\na.configfilters.f.type = external', /f has no command/],
    ['a.configfilters = f\na.configfilters.f.type = hadoop', /cannot read Hadoop credential stores/],
    ['a.configfilters = f\na.configfilters.f.type = vault', /there is no type vault/],
    // A class of one's own does something else.
    [
      'a.configfilters = f\na.configfilters.f.type = com.example.EnvironmentVariableConfigFilter',
      /there is no type com\.example\..*Java classes cannot be loaded/,
    ],
  ] as const) {
    const { problems } = await apply(text)
    assert.equal(problems[0]!.severity, 'error')
    assert.match(problems[0]!.problem, said)
  }
})

test('a filter by its class; a misspelt name of one; a name that only JavaScript knows', async () => {
  const byClass = env.replace('= env', '= org.apache.flume.configfilter.EnvironmentVariableConfigFilter')
  assert.equal((await apply(`${byClass}a.sinks.k.x = \${f['PASSWORD']}`)).settings.at(-1)!.value, 'hunter2')
  const misspelt = await apply(`${env}a.sinks.k.x = \${F['PASSWORD']} \${f['toString']}`)
  assert.deepEqual(
    misspelt.problems.map(({ fix }) => fix),
    ["did you mean ${f['PASSWORD']}", 'set it where the filter looks'],
  )
})

test('other agents are left alone', async () => {
  const { settings, problems } = await apply(`${env}b.sinks.k.x = \${f['PASSWORD']}`)
  assert.equal(settings.at(-1)!.value, "${f['PASSWORD']}")
  assert.deepEqual(problems, [])
})
