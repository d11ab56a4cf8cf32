import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createAuthority } from '../../test/certificates.ts'
import type { KeyStore } from './key-entries.ts'
import { pemOf, readKeyStore } from './keystore.ts'
import { digests, FilePassword } from './password-encryption.ts'

// Written by Java 17's keytool with the password "changeit": an elliptic-curve key in JKS and in PKCS12,
// and two trusted certificates in each. rc2.p12 is openssl's, with the ciphers of old stores.
const written = {
  'ec.jks': [
    '/u3+7QAAAAIAAAABAAAAAQADc3J2AAABogZJ9OgAAAB/MH0wDgYKKwYBBAEqAhEBAQUABGsl/D5kUk+ooWKX+pDd1P5ozUqCUy7F',
    'VWo5+TlQ2XyLP3mZ39/4bq0d0rq6l42zMMFxR9P+HnqzIYmFL50c4lJWijrFXr6qN3D0ouzADvsOQgDizkhpptf9taToB5iCzwU0',
    'OeOTejD0prw9TAAAAAEABVguNTA5AAABQzCCAT8wgeagAwIBAgIJAMRU00lnjwktMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMTCWxv',
    'Y2FsaG9zdDAeFw0yNjExMjMwMjQzNTlaFw0zNjExMjAwMjQzNTlaMBQxEjAQBgNVBAMTCWxvY2FsaG9zdDBZMBMGByqGSM49AgEG',
    'CCqGSM49AwEHA0IABN87D1LcTnixij5UV/s3DDrqjNwE/ZkWdMQ2ifW1i9jq6CvXkKvsg9oRfG1fB8EfUOqQpZ91hI1a15QHlk6T',
    'WpmjITAfMB0GA1UdDgQWBBSCoxMk/WbJ5zG+/s90hgjWNWohZjAKBggqhkjOPQQDAgNIADBFAiAh0gd7OPJ8VzmauGyqUcbLdsZP',
    'wI/XvSscThhyPQGdGwIhAPcpWMPfHlMXZQfLUfgm2MflYWF6+i/VPKSW6/EImz9zjVzW8giZKhc8Vizodou1BdzjFs4=',
  ],
  'ec.p12': [
    'MIID+gIBAzCCA6QGCSqGSIb3DQEHAaCCA5UEggORMIIDjTCCASQGCSqGSIb3DQEHAaCCARUEggERMIIBDTCCAQkGCyqGSIb3DQEM',
    'CgECoIG9MIG6MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBSBWKxMAkPAF8ei4tjQ7bDxQz4FmAICJxACASAwDAYIKoZI',
    'hvcNAgkFADAdBglghkgBZQMEASoEEFfukf0ode/ypEPYBOj959wEUCozMaSifh1Jl8yJMiNS+OB0Dltf5sjEUjrlviiGA2Qrz4fl',
    '08FP3VoUD/t8vL6B//U5TgMeo/sDrHRRGWk+bBJRBv2ricNHjuSHjpJwfT8IMTowFQYJKoZIhvcNAQkUMQgeBgBzAHIAdjAhBgkq',
    'hkiG9w0BCRUxFAQSVGltZSAxNzk1NDAxODM4OTgzMIICYQYJKoZIhvcNAQcGoIICUjCCAk4CAQAwggJHBgkqhkiG9w0BBwEwZgYJ',
    'KoZIhvcNAQUNMFkwOAYJKoZIhvcNAQUMMCsEFGqRuGc1a3LxNEMFq13iyWwL7rd0AgInEAIBIDAMBggqhkiG9w0CCQUAMB0GCWCG',
    'SAFlAwQBKgQQZIj2xAUBMyWV+Vm4qlIJLYCCAdBtd2y8s6JWaAeN5Fn4/FfmgzQCeWsD8iSzH4urt3i7LkslrpKCsDZ+mOpcgWLe',
    'BIiBNr7gvvM67hXuYQtau4vK3Ude1uxPGi9L+cAQYxt2hH4EW1C9aJNOVLAkQreZ8PfBDQYI1zJuYCEvPIpYfMeJjYRLQRaaeUcf',
    'KSO0eqmxGMrUk7FdmBplTmYdrAxopo+aidDzLvxLa3k5iMxhNfkQDvcT0qVswfRSbTA6Sp55xfnDGGmIzRzxo74yWfBQDbsHCI0K',
    'A2kXrboq87bF37eRa1iq6Vm0dBZ7A3RK6v9BVj0Qf8BMbr3BkM+kj2/oBSO2+/JW9w8gvGCDH8HuPmFc8e2b6LINNnJJ9Pempgls',
    '+nwUnc7X+iTz2BNXVHYOSCqwZy9APnHKSjIfVCed0dohzX/in8eLup+qCDsFRaib4ev9z9rK28jVxPh/kNNTqvxBJ4H7POtYxIhM',
    'nX6BgEeY2tBiAjN/b2Yw+blR+3VLnLtMtM3laZsi1ttsvOdsHTl5qT7QmUXap+BjYyP5P3IlXScXCEh0SS+GUR7nKL8xTSdh3FGM',
    '9en9gYSGyPRbXEUMB4VEpJlbdeDOpbUOVLFAH9C6tkPtp4c3rnJDOUNGMDBNMDEwDQYJYIZIAWUDBAIBBQAEIGPCmw/eXmkh4mgX',
    'rT6kMtWnnaMrQ9g38O7FMU//b+V+BBR8/TgVJfwTrtd+Yfr5IXSwHGK5fwICJxA=',
  ],
  'rc2.p12': [
    'MIIDtQIBAzCCA3sGCSqGSIb3DQEHAaCCA2wEggNoMIIDZDCCAj8GCSqGSIb3DQEHBqCCAjAwggIsAgEAMIICJQYJKoZIhvcNAQcBMBwG',
    'CiqGSIb3DQEMAQYwDgQI4qRmTV69TwQCAggAgIIB+FSeVexEsKwuy5bqNMsY3EMhE8jDSJLIOjAs7nYEKedPjqtarHdfgIp/3pimiIYB',
    'ok9HJ35fLJ21Kfe8TpffMAb6gCGKA80vhztiG2Ay6JaKbWVZAeK1OMrjgqbRombKyfStfYq4Ib2MRxaG1A1xOW4mZYZJ4IQ9f6pHjeeW',
    'zVNjUZf84BiQpLDQ25rnO9rWMl2ulnRnhsIp/HHeGMDPbGwgop179b08W6lpdunylWhG1LrkLVqPErtRUJ2Txlv1AcIhbKUmT+0UcCBm',
    'nnjpfwLYDEX6RCgT2R+IuY75PEPDRo8y7ylBrMos+W1B2BSEhRxNCwkSY4JeXy6K88kVbKk5y+EMoLdCwQBdLEKImkMqzJUrPcYTy/HV',
    'JHaFNLk0MW9JC5ovvqESiHdfOgUL1IDiOb3p8R/oOGykVFoIKw1duUVXP7VHsUMRQ1+8A0eSn5dWoATI6/TL6fuLxi6fhzKAu4BvpiLa',
    'eeqh2V0ldOk8jLGOT66uwx7o7/CU5vD0fzhXotYC+OiYKBXwpuCaoW9v0oxL0ZnLn9rTV8U6PKx9xFDQ3jY+Ja2d8fXCp5o66BWSg3wj',
    'r3edrrNbu4v7zVO79WWJpp3NV1wu+FX2mt1+GD1vfZURAFfIEDLunZDpG5MNEqeXSEz34eC2Lw/c+yPpSa+FbznHdjCCAR0GCSqGSIb3',
    'DQEHAaCCAQ4EggEKMIIBBjCCAQIGCyqGSIb3DQEMCgECoIG0MIGxMBwGCiqGSIb3DQEMAQQwDgQIe546K7eRt0cCAggABIGQrzcRMkcf',
    'y6eqrYZUpPLwe4BK9fWhMIwvS98DgJcg79LKafTeFdStmV80YLMmBaOdYaym3ZcmtO66IEhsc+01/D5Vgk6GhHdHP42ZDrUwGBejCpdJ',
    'mKi1JqGNM+LVGPN4vuFfD9Fp/oTgMAsaBxsMVYNNcEKhpNEN3FL1QVB0riN6M2qkFKKlFcbyL/OPDIaWMTwwFQYJKoZIhvcNAQkUMQge',
    'BgBzAHIAdjAjBgkqhkiG9w0BCRUxFgQUW2D53ZZOq+gQIlwbeJUiLGHNSv0wMTAhMAkGBSsOAwIaBQAEFG5IwAabCQ9AOrSU3R+hnM8k',
    'A9TvBAjz8FDXulhyzwICCAA=',
  ],
  'trust.jks': [
    '/u3+7QAAAAIAAAACAAAAAgABYgAAAaIGSfxeAAVYLjUwOQAAAWAwggFcMIIBAqADAgECAgkAg1ghU6SJaCowCgYIKoZIzj0EAwIw',
    'FDESMBAGA1UEAxMJbG9jYWxob3N0MB4XDTI2MTEyMzAyNDM1OFoXDTM2MTEyMDAyNDM1OFowFDESMBAGA1UEAxMJbG9jYWxob3N0',
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9GJu+o/KN78cx5dKmKC2351+rw/z8cBIkDtONDT7WRWriIPbyuntW1T1dVRMRTCK',
    'PwOcPw00DztQe6r7T4quNqM9MDswHQYDVR0OBBYEFBAWTTZf2uFhYEm8IR1Vp7ErnyF7MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcE',
    'fwAAATAKBggqhkjOPQQDAgNIADBFAiEA42AP8OlI6n/v6fB4XvkoXf+Sa05Pspt0DmHzrL9lPcMCIFTdc6JwZ+xODBx/FSy5zxaI',
    'fEAsxIpDRij3BUj+pSalAAAAAgABYQAAAaIGSfqPAAVYLjUwOQAAAuswggLnMIIBz6ADAgECAghainb2R9eYnjANBgkqhkiG9w0B',
    'AQsFADAUMRIwEAYDVQQDEwlsb2NhbGhvc3QwHhcNMjYxMTIzMDI0MzU2WhcNMzYxMTIwMDI0MzU2WjAUMRIwEAYDVQQDEwlsb2Nh',
    'bGhvc3QwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQCyTe9vkGDT897IuNCurXg3C1DqvDyk7fuY6kyyls0TdTJgJIXK',
    'xPN0rLGDfb87K9D1kNkE09JPTfN5TMk7XQ6aGjCw6lWBaUPBnfwBxk7pWPx5lHif5SdfSP9du7cqR85/NWvBFXJGxapyrtpEPmJ3',
    '5vMFHzimzlYpux/Fb4xwi7YXxWAGU31WUaOe2a04YiMvb4UG64O3nefySMjKi2P7amsrVdriw36hy9lG9tuY+aXaSvXwIW+pdG+K',
    '0gFNFMjnsYss2OXQSHCr/Cr1MU45Zee8mG9lylR0yq1Bfi5mr2aoP59F7w46KtAgN8kCuUbWEiRAazHfc4V3tKjKs0AJAgMBAAGj',
    'PTA7MB0GA1UdDgQWBBSq/gyYNAYm/oFJnLP5A40HVhSp/jAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwDQYJKoZIhvcNAQEL',
    'BQADggEBAEqxCGqDAlB6VXReKQljWwUuTBVGrdYfuA63YqTYnyakrZmYk9ib4AcfzCw1rjvx2MhDg3ylj3ecRbwFET2tRxlnNCOq',
    'bL91wvjlO4qkpc+4uiYkZ7vKYAz23ko3IS6N9ufpZdJas/KF1hYIxWuowEabyKc7F2Oj6ZRWA+vHLXs1dVRzkXPUstOEVc/Fx8mL',
    'gr4okrzubDH/OIcXxtJs/qc2oJQyZWPVKqeGE6G2XDjqPJ+a5faN0c+LXDnGgUutVBdS7hh6VZk166G46GE99h3hA7+UbLSrga4C',
    'DLI5I9BYHlYxw4mij1zecx1wiWGyFOJnj/hNDG7lqyHM/Xd1LP0JECzl+0YRqswfqFdRGZ46Mlqimg==',
  ],
  'trust.p12': [
    'MIIGEgIBAzCCBbwGCSqGSIb3DQEHAaCCBa0EggWpMIIFpTCCBaEGCSqGSIb3DQEHBqCCBZIwggWOAgEAMIIFhwYJKoZIhvcNAQcB',
    'MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBShLjF6IgPtMMapw17Rvd5vijGlrwICJxACASAwDAYIKoZIhvcNAgkFADAd',
    'BglghkgBZQMEASoEELbSA/OAEyw57HFwOADD5ZCAggUQDSMZZdGC3Z9xpZnV673eXW1OHqRqORZQ3CqcSy+18PsETEC2I+ri4Nr3',
    'VnDdBzesoJGlFLnqk2nZCmfdXo+zY9F8L7GeC2oV83fxXLyZ6Qm5bru0FFrePBVYJcZs59gJmAsFuclW1COMlVKb/Ae2oAOl2A3V',
    'F5Phw6jNefYbCYcamGK2uH9pozwCFxejVX4Sd8lmlUMBZ3TSCfASdQi8yY9yRiT/OucR7UeXmBUW8tjXJf5OettXs1LHdEM+vYLP',
    'M3yG5Qbo74nj5iR6yyzO1sKra7KJAN9S3rGZGbeSIST5AJl7NHT0sW0vcYzoCvIKe1EPIwGHG5eJ8FfDPZ2/5Ak5H3Grom100IeO',
    'FEU6s2G4trMPezMzpopOYcLZPMARnEbf1JyVuiFQ47N+nBMl4tY0r60h+JxigRX0bRO1S8lPqmv6AiZ77Dtx1zHOSPrB2pgiXsDi',
    's7eXyHJvt844WLHyo5WQl6SmkZn1RGxe7pytEpVkyKVcPgc1HSA+8LOIok5bDeRp9gDESjJdPO2srT1NiQ8YcKJ5hpNK1TuoAWly',
    'v9ENe0yysMO9jNl0ER/gxL46bnPoq7pi4hA0c34FfSibhRYnlzI51HJGHbLtVjpDRaF5FGjdbjmCchZOTx0yE0H3hRcJubTAn8rd',
    'GaZQbr6e6/rm3fLF75z95zjejSvXN7ryZnI9ShV1E8j4qROpgaNMKTY1GzJknO6C8CqdRIqX5l2jGI7RlYwoUeTdSgUdzzSYKP1X',
    'EmY9UFnFFDHTc5kVZlbi9CVXYR35akVrLMT0+ET51otByzXQQlD+B39xW/ljoeMoRJo0pdOHg9SHjXQaTIGle+llImLHyNj83x1J',
    'mS406VXFrNPz78AIjyDNA5RYD9/IZxJc+Ys6ln3XL4uyksOj1wqDBCCXPwOOrLcnHM9kiGoaU/mKVA3g1MqlEyVAv0c7O5dwxOGt',
    '0Hf7fN7KRFlSZ1qpJJKvg+WXbq9DwAd34UlnrNvCe89UlFjlHfmA4+aJ3xQ5BSj5rOQmH/g02T6FOyO4YHD9/oODFH+d9Jz0KCbW',
    'BaR0NJQNzjmA6a3kWaB5rWCPwOc6ZIzsQSp8D2wooXFobzhkT8dKdKxOw0c1tmCb3gO+AJ5V0jAoYAmPh2qZQFqQYg668ROjMeIM',
    '3n2TaksA9XlAu8GKi/naSliYwu2++m4KpfhFV334cWwsVpSeKPtig2qcSbZiewAOaRfTdRREQPhEOr1XLl3M8jo7moitNOM+jW6D',
    '6n1xPFFJPg6zud8WQn6nY4IvnqaTXA4kA/vCV4c/Pd/GGyHRt5kMxlRycotyvod2vlq2nHeVEh95meFuio+Y0RjAWK9UR5rIEJQq',
    '0weTzw4UTSKaH+hrEuBmN5eZkGNSrZugVpZPVbZnrwGlex3Te51jpeWYgWCRRngzHMOlNiZIQ58rxjFPuCAbJxGyBFXOIPO0tdgC',
    'nnVf7ZHYwuDNGVW6Ma8ztemVdVX0jHuKpo8/NAteehignmU40/0z+d9rTPiRgB1Gr97tja2N8+oSe/RLPfFZc8NvB0sS828EhVRM',
    'bM/YCN7Wqu8V7uD1nvUqDVcu4Yrz8T3ZEzCv9+JCeDV0zt91r68RuwIvAZWUmPZmbU5yHMIwteMc+vt2k/wLfsHCD7UlIsd3R3k3',
    'bd3c1OntroJ6FF/0LFAE3M5CRYWX54uB0ZP974bAoz+O3jWwbvZpCvrFGWkxFjuCEnUwJ6B7ME0wMTANBglghkgBZQMEAgEFAAQg',
    'u8/8RCGKH0oSPbI/lORF4U7rpvyue84LXoDK93p6AYEEFJx84TSiKXCyVYwC7X2Oze6E1asuAgInEA==',
  ],
}
const bytesOf = (name: keyof typeof written) => Buffer.from(written[name].join(''), 'base64')

/** The key belongs to the first certificate of its chain. */
function assertPair(store: KeyStore): void {
  const [entry] = store.keys
  assert.ok(entry !== undefined)
  const certificate = new X509Certificate(entry.chain[0]!)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(entry.key)))
  assert.ok(createPublicKey(entry.key).equals(certificate.publicKey))
}

for (const name of ['ec.jks', 'ec.p12', 'rc2.p12'] as const)
  test(`${name}: key and certificate fit, a wrong password is said without being shown`, async () => {
    const store = await readKeyStore(bytesOf(name), 'changeit', name)
    assertPair(store)
    assert.equal(store.keys[0]!.alias, 'srv')
    assert.deepEqual(store.trusted, [])
    await assert.rejects(
      readKeyStore(bytesOf(name), 'guessed', name),
      (error: Error) => /the password is wrong/.test(error.message) && !error.message.includes('guessed'),
    )
  })

for (const name of ['trust.jks', 'trust.p12'] as const)
  test(`${name}: trusted certificates`, async () => {
    const { keys, trusted } = await readKeyStore(bytesOf(name), 'changeit', name)
    assert.deepEqual(keys, [])
    assert.deepEqual(
      trusted.map(pem => new X509Certificate(pem).subject),
      ['CN=localhost', 'CN=localhost'],
    )
  })

test('certificates of a JKS store are read without the password, as in Java', async () => {
  assert.equal((await readKeyStore(bytesOf('trust.jks'), undefined, 'x')).trusted.length, 2)
})

test('PKCS12 and PEM made here: the chain follows the key', async () => {
  const signed = createAuthority().sign({ host: 'localhost' })
  for (const bytes of [signed.pkcs12('pass'), Buffer.from(signed.pem)]) {
    const store = await readKeyStore(bytes, 'pass', 'made')
    assertPair(store)
    assert.equal(store.keys[0]!.chain.length, 2)
  }
})

test('an encrypted PEM key needs its password', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = Buffer.from(
    privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }),
  )
  assert.ok(createPrivateKey((await readKeyStore(pem, 'right', 'x')).keys[0]!.key).equals(privateKey))
  await assert.rejects(readKeyStore(pem, 'wrong', 'x'), /password does not open its key/)
  await assert.rejects(readKeyStore(pem, undefined, 'x'), /its key needs a password/)
})

test('a store that was changed, cut short or is none at all says so, with its name', async () => {
  const changed = bytesOf('ec.jks')
  changed[100]! ^= 1
  await assert.rejects(
    readKeyStore(changed, 'changeit', '/a/b.jks'),
    /key store \/a\/b\.jks: the password is wrong, or/,
  )
  const whole = bytesOf('trust.jks')
  for (let length = 0; length < whole.length - 20; length += 7)
    await assert.rejects(
      readKeyStore(whole.subarray(0, length), undefined, 'x'),
      /cannot read the key store x/,
    )
  await assert.rejects(readKeyStore(Buffer.from('hello'), 'x', 'x'), /neither JKS nor PKCS12 nor PEM/)
  await assert.rejects(readKeyStore(Buffer.from('cececece00', 'hex'), 'x', 'x'), /JCEKS.*keytool/)
})

test('PEM lines are 64 characters', () => {
  const lines = pemOf('CERTIFICATE', Buffer.alloc(100)).split('\n')
  assert.equal(lines[1]!.length, 64)
})

/** A key of openssl whose password goes through scrypt; its cost N is the two bytes behind the salt's. */
const scryptPem = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhiY1iA6VkrLQICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBA7Nx9WRAdHdFKiFW+05EACBIGQ2mpOgDWVhkFf
bal8hK8rlUT5VwEf9mtEeGCDSZYEptdTwA99nY0CM48So9dMrJl5iJ5p+5ZMgOJU
4c7HeQ4PhXA/IMSpWBuFR/gRGVrKORwn3YDx3xR8tFpQ3EHMn5/rp2hFRo/Y9ymD
WbeK1H6OQ+ovTERh3dUU3xFds72Fi0Ph+K+bhfxbZ7QEQ3zDKqtd
-----END ENCRYPTED PRIVATE KEY-----
`
const asPem = (der: Buffer) =>
  Buffer.from(pemOf('PRIVATE KEY', der).replaceAll('PRIVATE KEY', 'ENCRYPTED PRIVATE KEY'))

test('a key that goes through scrypt is read, and one that asks for too much of it is not', async () => {
  const { keys } = await readKeyStore(Buffer.from(scryptPem), 'right', 'x')
  assert.equal(createPrivateKey(keys[0]!.key).asymmetricKeyType, 'ec')
  const der = Buffer.from(scryptPem.replaceAll(/-----.*-----/g, ''), 'base64')
  const costAt = der.indexOf('02024000', 'hex') + 2
  // The largest cost of two bytes, and the largest size of a block of one.
  der.writeUInt16BE(0x7fff, costAt)
  der[costAt + 4] = 127
  await assert.rejects(
    readKeyStore(asPem(der), 'right', '/a/k.pem'),
    /key store \/a\/k\.pem: it wants 4161409 blocks of scrypt; at most 1048576 are computed/,
  )
})

test('a file that wants its password hashed without end is refused at once, with the number', async t => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = privateKey.export({
    type: 'pkcs8',
    format: 'der',
    cipher: 'aes-256-cbc',
    passphrase: 'changeit',
  })
  // INTEGER 2048, or 10,000, of two bytes: its salt is cut by two, which become the upper half of the number.
  const p12 = bytesOf('ec.p12')
  const longer = (bytes: Buffer, count: string, nth = 0): Buffer => {
    const at = [...bytes.keys()].filter(index =>
      bytes.subarray(index, index + 4).equals(Buffer.from(count, 'hex')),
    )[nth]!
    const saltBytes = [20, 16, 8].find(size => bytes[at - size - 1] === size && bytes[at - size - 2] === 4)!
    const changed = Buffer.from(bytes)
    changed[at - saltBytes - 1] = saltBytes - 2
    changed.write('02047fff', at - 2, 'hex')
    return changed
  }
  const cases: readonly (readonly [string, Buffer])[] = [
    ['checksum of PKCS12', longer(p12, '02022710', 2)],
    ['checksum of openssl', longer(bytesOf('rc2.p12'), '02020800', 2)],
    ['key in PEM', asPem(longer(der, '02020800'))],
  ]
  for (const [name, bytes] of cases)
    await t.test(name, async () => {
      await assert.rejects(
        readKeyStore(bytes, 'changeit', '/a/k.p12'),
        /key store \/a\/k\.p12: it wants 21474\d+ rounds of hashing, and at most 5000000 are computed/,
      )
    })
})

test('other turns come in between while a password is hashed', async () => {
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  count()
  const digest = digests['1.3.14.3.2.26']!
  await new FilePassword('x').derive({
    digest,
    salt: Buffer.alloc(8),
    rounds: 100_000,
    purpose: 'mac',
    size: 20,
  })
  isOver = true
  assert.ok(turns > 20, `${turns} turns`)
})
