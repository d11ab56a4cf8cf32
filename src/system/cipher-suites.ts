// Java's names of cipher suites (the IANA names) as OpenSSL's, by the rule both follow:
// TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256. The suites of TLS 1.3 have one name.

/** OpenSSL's name, in capitals; a name that is OpenSSL's already comes back as it is. */
export function opensslName(name: string): string {
  const upper = name.trim().toUpperCase()
  const parts = /^(?:TLS|SSL)_(.+)_WITH_(.+)$/.exec(upper)
  if (parts === null) return upper
  const exchange = parts[1] === 'RSA' ? '' : `${parts[1]!.replaceAll('_', '-')}-`
  return `${exchange}${cipherName(parts[2]!)}`
}

function cipherName(suite: string): string {
  if (suite === '3DES_EDE_CBC_SHA') return 'DES-CBC3-SHA'
  // ChaCha20's hash stands in Java's name only.
  if (suite === 'CHACHA20_POLY1305_SHA256') return 'CHACHA20-POLY1305'
  return suite
    .replace(/^(AES|CAMELLIA|ARIA)_(128|256)/, '$1$2')
    .replace('_CBC_', '_')
    .replaceAll('_', '-')
}
