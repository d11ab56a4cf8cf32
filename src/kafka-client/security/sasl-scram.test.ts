import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SaslError } from './sasl-conversation.ts'
import { converseScram, type ScramMechanism } from './sasl-scram.ts'
import { Secret } from '../../security/secret.ts'

const begin = (nonce: string, { username = 'user', mechanism = 'SCRAM-SHA-256', isToken = false } = {}) =>
  converseScram(mechanism as ScramMechanism, { username, password: new Secret('pencil'), isToken }, nonce, {})

/** RFC 7677, section 3. */
const rfc7677 = {
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

describe('SCRAM', () => {
  it('says what RFC 7677 says for SHA-256', async () => {
    const talk = begin(rfc7677.nonce)
    assert.equal(talk.first.toString(), 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    assert.equal(String(await talk.answer(Buffer.from(rfc7677.serverFirst))), rfc7677.clientFinal)
    assert.equal(talk.answer(Buffer.from(rfc7677.serverFinal)), null)
  })

  it('escapes names, and tells when the name is that of a token', () => {
    assert.equal(begin('N', { username: 'a=b,c' }).first.toString(), 'n,,n=a=3Db=2Cc,r=N')
    assert.equal(begin('N', { isToken: true }).first.toString(), 'n,,n=user,r=N,tokenauth=true')
  })

  it('goes to the end only with a broker that proves that it knows the password', async () => {
    for (const wrong of [
      `v=${Buffer.alloc(32).toString('base64')}`,
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4',
      'v=6rriTRBi23WpRR/wtup+',
      'v=',
      '',
      rfc7677.serverFirst,
    ]) {
      const talk = begin(rfc7677.nonce)
      await talk.answer(Buffer.from(rfc7677.serverFirst))
      await assert.rejects(async () => talk.answer(Buffer.from(wrong)), SaslError, wrong)
    }
  })

  it('refuses a first message that is replayed, damaged, too weak or too costly', async () => {
    const salt = 'W22ZaJ0SNY7soEsUEjb6gQ=='
    for (const [message, reason] of [
      [`r=other,s=${salt},i=4096`, /not made from ours/],
      [`r=N,s=${salt},i=4096`, /not made from ours/],
      [`r=Nx,s=${salt},i=4095`, /4095 iterations; 4096 to/],
      [`r=Nx,s=${salt},i=100001`, /100001 iterations/],
      [`r=Nx,s=${salt},i=`, /not one of SCRAM/],
      [`r=Nx,s=,i=4096`, /not one of SCRAM/],
      [`r=Nx,s=$$$$,i=4096`, /not one of SCRAM/],
      [`m=must,r=Nx,s=${salt},i=4096`, /not one of SCRAM/],
      ['', /not one of SCRAM/],
      ['e=other-error', /"other-error"/],
    ] as const)
      await assert.rejects(async () => begin('N').answer(Buffer.from(message)), reason, message)
  })

  it('does the work that a broker asks for in another thread', async () => {
    const talk = begin('N', { mechanism: 'SCRAM-SHA-512' })
    const [all, own] = [process.cpuUsage(), process.threadCpuUsage()]
    await talk.answer(Buffer.from('r=Nx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100000'))
    assert.ok(process.threadCpuUsage(own).user < process.cpuUsage(all).user / 4)
  })

  it('hides the password', () => {
    assert.equal(`${new Secret('pencil')}`, '[hidden]')
    assert.equal(JSON.stringify({ a: new Secret('pencil') }), '{"a":"[hidden]"}')
    assert.equal(new Secret('pencil').hideIn('a pencil is sharp'), 'a [hidden] is sharp')
  })
})
