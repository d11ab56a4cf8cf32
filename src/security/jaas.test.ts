import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { JaasError, parseJaas, parseJaasFile } from './jaas.ts'

const optionsOf = (text: string) => Object.fromEntries(parseJaas(text).options)

describe('a login text', () => {
  it('is a class, a flag and options', () => {
    const entry = parseJaas(
      'org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="a;b=c";',
    )
    assert.equal(entry.module, 'org.apache.kafka.common.security.plain.PlainLoginModule')
    assert.deepEqual(Object.fromEntries(entry.options), { username: 'alice', password: 'a;b=c' })
  })

  it('is cut into words as Java does', () => {
    assert.deepEqual(optionsOf('a.B REQUIRED;'), {})
    assert.deepEqual(optionsOf('a.B required one=\'x "y" z\' two=word three = "3" ;'), {
      one: 'x "y" z',
      two: 'word',
      three: '3',
    })
    assert.deepEqual(
      optionsOf('a.B required // nothing\n /* nor\n here */ one="//x" / and here\n two="/*";'),
      {
        one: '//x',
        two: '/*',
      },
    )
    assert.deepEqual(optionsOf('a.B required p="\\"q\\\\\\101\\t\\x";'), { p: '"q\\A\tx' })
    assert.deepEqual(optionsOf('a.B required p="pässwörd" q=pässwörd;'), { p: 'pässwörd', q: 'pässwörd' })
  })

  it('that is none is told without a word of it', () => {
    const secret = 'hush'
    for (const [text, reason] of [
      ['', /names no login module/],
      [';', /does not begin with the class/],
      [`${secret}`, /no flag/],
      [`a.B ${secret}="x";`, /no flag/],
      [`a.B required password="${secret}"`, /semicolon/],
      [`a.B required password=;`, /without value/],
      [`a.B required password ${secret};`, /without =/],
      [`a.B required password=${secret} ${secret};`, /without =/],
      [`a.B required password=${secret}!${secret};`, /no option/],
      [`a.B required password="${secret}" "${secret}";`, /no option/],
      [`a.B required password="${secret};`, /not closed/],
      [`a.B required password="${secret}\n";`, /not closed/],
      [`a.B required password="x"; ${secret}.C required;`, /text after the semicolon/],
    ] as const)
      assert.throws(
        () => parseJaas(text),
        (error: Error) => {
          assert.ok(error instanceof JaasError, text)
          assert.match(error.message, reason, text)
          return !error.message.includes(secret)
        },
        text,
      )
  })
})

describe('a login file', () => {
  const file = `// of the agent
Client { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true principal="x@Y"; };
KafkaClient {
  org.apache.kafka.common.security.scram.ScramLoginModule required
  username="bob"
  password="b";
};
Empty { };
Two { a.B required; c.D optional; };
`
  it('has sections', () => {
    assert.equal(parseJaasFile(file, 'KafkaClient')?.options.get('username'), 'bob')
    assert.equal(parseJaasFile(file, 'Other'), null)
  })

  it('has one module in a section', () => {
    assert.throws(() => parseJaasFile(file, 'Two'), /has 2 login modules in the section Two/)
    assert.throws(() => parseJaasFile(file, 'Empty'), /has 0 login modules/)
    assert.throws(() => parseJaasFile('KafkaClient { a.B required;', 'KafkaClient'), /without }/)
    assert.throws(() => parseJaasFile('KafkaClient a.B required;', 'KafkaClient'), /without {/)
  })
})
