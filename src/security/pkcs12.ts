// PKCS12 key stores (RFC 7292). Node's own reader needs the whole file in one shape and refuses the old ciphers keytool
// wrote for years, and node-forge's hashes the password as often as the file says in one turn of the event loop.
//
//   PFX            version, ContentInfo of AuthenticatedSafe, MacData (DigestInfo, salt, rounds) or nothing
//   ContentInfo    data: octets; encryptedData: version, EncryptedContentInfo (type, algorithm, [0] octets)
//   SafeBag        kind, [0] value, attributes; in a safe of ContentInfos
import { createHmac, createPrivateKey, timingSafeEqual, X509Certificate } from 'node:crypto'
import type { KeyEntry, KeyStore } from './key-entries.ts'
import {
  countIn,
  derOf,
  digests,
  octetsOf,
  oidOf,
  parseDer,
  partsOf,
  type Asn1,
  type FilePassword,
} from './password-encryption.ts'

const data = '1.2.840.113549.1.7.1'
const encryptedData = '1.2.840.113549.1.7.6'
const bag = '1.2.840.113549.1.12.10.1'
const kinds = { key: `${bag}.1`, shroudedKey: `${bag}.2`, certificate: `${bag}.3`, bags: `${bag}.6` }
const friendlyName = '1.2.840.113549.1.9.20'
/** Bags within bags. */
const mostDepth = 10

interface Found {
  readonly keys: { readonly alias: string; readonly der: Buffer }[]
  readonly certificates: X509Certificate[]
}

/** Rejects with an Error whose message completes "cannot read …: ". */
export async function readPkcs12(bytes: Buffer, password: FilePassword): Promise<KeyStore> {
  const [, safe, mac] = partsOf(parseDer(bytes))
  const content = await contentOf(safe, password)
  if (mac !== undefined) await checkMac(mac, content, password)
  const found: Found = { keys: [], certificates: [] }
  for (const info of partsOf(parseDer(content)))
    await readBags(parseDer(await contentOf(info, password)), found, password, 0)
  const keys = found.keys.map(key => keyEntry(key, found.certificates))
  const used = new Set(keys.flatMap(key => key.chain))
  const trusted = found.certificates.map(String).filter(pem => !used.has(pem))
  return { keys, trusted }
}

async function contentOf(info: Asn1 | undefined, password: FilePassword): Promise<Buffer> {
  const [type, explicit] = partsOf(info)
  const [content] = partsOf(explicit)
  const oid = oidOf(type)
  if (oid === data) return octetsOf(content)
  if (oid !== encryptedData) throw new Error(`its content is of an unknown kind (${oid})`)
  const [, algorithm, encrypted] = partsOf(partsOf(content)[1])
  return await password.decrypt(algorithm, octetsOf(encrypted))
}

async function checkMac(mac: Asn1, content: Buffer, password: FilePassword): Promise<void> {
  const [info, salt, rounds] = partsOf(mac)
  const [algorithm, given] = partsOf(info)
  const oid = oidOf(partsOf(algorithm)[0])
  const digest = digests[oid]
  if (digest === undefined) throw new Error(`its checksum is of an unknown kind (${oid})`)
  const expected = octetsOf(given)
  const key = await password.derive({
    digest,
    salt: octetsOf(salt),
    rounds: rounds === undefined ? 1 : countIn(rounds),
    purpose: 'mac',
    size: digest.bytes,
  })
  const found = createHmac(digest.name, key).update(content).digest()
  if (found.length !== expected.length || !timingSafeEqual(found, expected))
    throw new Error('the password is wrong, or the file was changed')
}

async function readBags(safe: Asn1, found: Found, password: FilePassword, depth: number): Promise<void> {
  for (const one of partsOf(safe)) {
    const [kind, explicit, attributes] = partsOf(one)
    const [value] = partsOf(explicit)
    const alias = attributes === undefined ? '' : aliasIn(attributes)
    switch (oidOf(kind)) {
      case kinds.key:
        found.keys.push({ alias, der: derOf(value) })
        break
      case kinds.shroudedKey: {
        const [algorithm, encrypted] = partsOf(value)
        found.keys.push({ alias, der: await password.decrypt(algorithm, octetsOf(encrypted)) })
        break
      }
      case kinds.certificate:
        found.certificates.push(new X509Certificate(octetsOf(partsOf(partsOf(value)[1])[0])))
        break
      case kinds.bags:
        if (depth === mostDepth) throw new Error('its bags are nested too deeply')
        if (value !== undefined) await readBags(value, found, password, depth + 1)
    }
  }
}

function aliasIn(attributes: Asn1): string {
  for (const attribute of partsOf(attributes)) {
    const [name, values] = partsOf(attribute)
    if (oidOf(name) === friendlyName) return String(partsOf(values)[0]?.value ?? '')
  }
  return ''
}

/** The key with its certificate, which is the one that fits, and those that signed it. */
function keyEntry(
  { alias, der }: { readonly alias: string; readonly der: Buffer },
  certificates: readonly X509Certificate[],
): KeyEntry {
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const chain: string[] = []
  let next = certificates.find(certificate => certificate.checkPrivateKey(key))
  while (next !== undefined && !chain.includes(next.toString())) {
    const current: X509Certificate = next
    chain.push(current.toString())
    next = certificates.find(other => other !== current && current.checkIssued(other))
  }
  return { alias, key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), chain }
}
