// Certificates for tests, made on the spot: an authority and what it signs.
import forge from 'node-forge'

export interface TestCertificate {
  readonly key: string
  readonly certificate: string
  /** Key, certificate and authority in one PEM, as a key store. */
  readonly pem: string
  /** The same as PKCS12. */
  readonly pkcs12: (password: string) => Buffer
}

export interface TestAuthority {
  readonly certificate: string
  sign(given: { host: string; ip?: string; expired?: boolean }): TestCertificate
}

const day = 24 * 3600 * 1000

export function createAuthority(): TestAuthority {
  const keys = forge.pki.rsa.generateKeyPair(2048)
  const subject = [{ name: 'commonName', value: 'Test authority' }]
  const own = certificateOf(keys.publicKey, subject, subject, [{ name: 'basicConstraints', cA: true }])
  own.sign(keys.privateKey, forge.md.sha256.create())
  const authority = forge.pki.certificateToPem(own)
  return {
    certificate: authority,
    sign({ host, ip, expired = false }) {
      const pair = forge.pki.rsa.generateKeyPair(2048)
      const altNames = [{ type: 2, value: host }, ...(ip === undefined ? [] : [{ type: 7, ip }])]
      const signed = certificateOf(
        pair.publicKey,
        [{ name: 'commonName', value: host }],
        subject,
        [{ name: 'subjectAltName', altNames }],
        expired,
      )
      signed.sign(keys.privateKey, forge.md.sha256.create())
      const key = forge.pki.privateKeyToPem(pair.privateKey)
      const certificate = forge.pki.certificateToPem(signed)
      return {
        key,
        certificate,
        pem: key + certificate + authority,
        pkcs12: password =>
          Buffer.from(
            forge.asn1
              .toDer(
                forge.pkcs12.toPkcs12Asn1(pair.privateKey, [signed, own], password, { algorithm: '3des' }),
              )
              .getBytes(),
            'binary',
          ),
      }
    },
  }
}

function certificateOf(
  publicKey: forge.pki.rsa.PublicKey,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
  extensions: object[],
  expired = false,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = publicKey
  certificate.serialNumber = `01${Math.floor(Math.random() * 1e9)
    .toString(16)
    .padStart(8, '0')}`
  certificate.validity.notBefore = new Date(Date.now() - 30 * day)
  certificate.validity.notAfter = new Date(Date.now() + (expired ? -day : day))
  certificate.setSubject(subject)
  certificate.setIssuer(issuer)
  certificate.setExtensions(extensions)
  return certificate
}
