// ipFilterRules: which addresses may connect. A comma list of <allow|deny>:<ip|name>:<pattern>, with *
// and ? as wildcards; the first rule that matches decides, an address that none matches may connect.
// `name` rules compare the name found by reverse lookup; `name:localhost` means this machine itself.

export interface IpRule {
  readonly allows: boolean
  readonly by: 'ip' | 'name'
  readonly pattern: string
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
      pattern: pattern!.toLowerCase(),
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
    if (rule.by === 'ip') matches = fits(rule.pattern, plain)
    else if (rule.localhost)
      matches = plain.startsWith('127.') || plain === '::1' || ownAddresses.includes(plain)
    else {
      if (name === undefined) name = await nameOf(plain)
      // Java's lookup gives the address itself where there is no name.
      matches = fits(rule.pattern, name ?? plain)
    }
    if (matches) return rule.allows
  }
  return true
}

/** Whether the text, in any case, is what `pattern` says with * and ?. Takes no more steps than one has times the other. */
function fits(pattern: string, given: string): boolean {
  const text = given.toLowerCase()
  let [at, from] = [0, 0]
  /** Behind the last *, and how far into the text it reaches. */
  let [star, reach] = [-1, 0]
  while (at < text.length)
    if (pattern[from] === '*') {
      star = ++from
      reach = at
    } else if (pattern[from] === '?' || pattern[from] === text[at]) {
      from++
      at++
    } else if (star === -1) return false
    else {
      from = star
      at = ++reach
    }
  while (pattern[from] === '*') from++
  return from === pattern.length
}
