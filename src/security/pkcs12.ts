// PKCS12 key stores (RFC 7292), read with node-forge because Node's own reader needs the whole file in one
// shape and refuses the old ciphers keytool wrote for years. Keys and certificates that forge has no class
// for (elliptic curves) come out as DER all the same.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type Forge from 'node-forge'
import { forge } from './forge.ts'
import type { KeyEntry, KeyStore } from './key-entries.ts'

interface Bag {
  readonly attributes?: Record<string, readonly unknown[]>
  readonly key?: Forge.pki.PrivateKey | null
  readonly cert?: Forge.pki.Certificate | null
  readonly asn1?: Forge.asn1.Asn1
}

/** Throws an Error whose message completes "cannot read …: ". */
export function readPkcs12(bytes: Buffer, password: string): KeyStore {
  const store = open(bytes, password)
  const { oids } = forge().pki
  const bagsOf = (...names: string[]) =>
    names.flatMap(name => {
      const bagType = oids[name]!
      return (store.getBags({ bagType })[bagType] ?? []) as unknown as Bag[]
    })
  const certificates = bagsOf('certBag').map(bag => ({ bag, pem: certificateOf(bag) }))
  const keys = bagsOf('pkcs8ShroudedKeyBag', 'keyBag').map(bag => keyEntry(bag, certificates))
  const used = new Set(keys.flatMap(key => key.chain))
  const trusted = certificates.map(one => one.pem).filter(pem => !used.has(pem))
  return { keys, trusted }
}

function open(bytes: Buffer, password: string): Forge.pkcs12.Pkcs12Pfx {
  const asn1 = forge().asn1.fromDer(bytes.toString('binary'))
  try {
    return forge().pkcs12.pkcs12FromAsn1(asn1, false, password)
  } catch (error) {
    if (/mac|password|decrypt/i.test(String(error)))
      throw new Error('the password is wrong, or the file was changed', { cause: error })
    throw error
  }
}

function certificateOf(bag: Bag): string {
  const asn1 = bag.cert ? forge().pki.certificateToAsn1(bag.cert) : bag.asn1!
  return new X509Certificate(derOf(asn1)).toString()
}

/** The key with its certificate (same localKeyId, else the one that fits) and those that signed it. */
function keyEntry(bag: Bag, certificates: readonly { readonly bag: Bag; readonly pem: string }[]): KeyEntry {
  const plain = bag.key ? forge().pki.privateKeyToAsn1(bag.key) : bag.asn1!
  const der = derOf(bag.key ? forge().pki.wrapRsaPrivateKey(plain) : plain)
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const all = certificates.map(one => new X509Certificate(one.pem))
  const chain: string[] = []
  let next = all.find(certificate => certificate.checkPrivateKey(key))
  while (next !== undefined && !chain.includes(next.toString())) {
    const current: X509Certificate = next
    chain.push(current.toString())
    next = all.find(other => other !== current && current.checkIssued(other))
  }
  const alias = String(bag.attributes?.['friendlyName']?.[0] ?? '')
  return { alias, key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), chain }
}

const derOf = (asn1: Forge.asn1.Asn1): Buffer => Buffer.from(forge().asn1.toDer(asn1).getBytes(), 'binary')
