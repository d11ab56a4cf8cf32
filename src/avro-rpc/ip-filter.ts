// ipFilterRules: which addresses may connect. A comma list of <allow|deny>:<ip|name>:<pattern>, with *
// and ? as wildcards; the first rule that matches decides, an address that none matches may connect.
// `name` rules compare the name found by reverse lookup; `name:localhost` means this machine itself.

export interface IpRule {
  readonly allows: boolean
  readonly by: 'ip' | 'name'
  readonly pattern: RegExp
  readonly localhost: boolean
}

export type ParsedRules = { readonly rules: readonly IpRule[] } | { readonly problem: string }

/** Reads the rules; a problem names the rule that is wrong. */
export function parseIpRules(text: string): ParsedRules {
  const rules: IpRule[] = []
  for (const written of text.split(',').map(part => part.trim())) {
    const parts = /^(allow|deny):(ip|name):(.+)$/i.exec(written)
    if (parts === null) return { problem: `the rule "${written}" cannot be read` }
    const [, action, by, pattern] = parts
    rules.push({
      allows: action!.toLowerCase() === 'allow',
      by: by!.toLowerCase() === 'ip' ? 'ip' : 'name',
      pattern: wildcards(pattern!),
      localhost: by!.toLowerCase() === 'name' && pattern === 'localhost',
    })
  }
  return { rules }
}

/** Whether an address may connect. `nameOf` is asked only when a name rule is reached. */
export async function admits(
  rules: readonly IpRule[],
  address: string,
  nameOf: (address: string) => Promise<string | null>,
  ownAddresses: readonly string[] = [],
): Promise<boolean> {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  let name: string | null | undefined
  for (const rule of rules) {
    let matches: boolean
    if (rule.by === 'ip') matches = rule.pattern.test(plain)
    else if (rule.localhost)
      matches = plain.startsWith('127.') || plain === '::1' || ownAddresses.includes(plain)
    else {
      if (name === undefined) name = await nameOf(plain)
      // Java's lookup gives the address itself where there is no name.
      matches = rule.pattern.test(name ?? plain)
    }
    if (matches) return rule.allows
  }
  return true
}

function wildcards(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\/-]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i')
}
