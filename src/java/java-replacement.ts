// Java's replacement texts, as replaceAll takes them: `$1` and `${name}` are groups, a backslash takes the next character as it is.

/** The replacement as JavaScript writes it, for `pattern`; or what is wrong with it. */
export function javaReplacement(text: string, pattern: RegExp): { value: string } | { problem: string } {
  const groups = new RegExp(`${pattern.source}|`, pattern.flags).exec('')!
  const count = groups.length - 1
  let value = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\') {
      const next = text[++at]
      if (next === undefined) return { problem: 'a backslash stands at the end' }
      value += next === '$' ? '$$' : next
    } else if (character === '$') {
      const [whole, digit, name] = /^(?:(\d)|\{([A-Za-z][A-Za-z0-9]*)\})/.exec(text.slice(at + 1)) ?? []
      if (whole === undefined) return { problem: '$ is not followed by a group' }
      if (
        Number(digit) > count ||
        (name !== undefined && groups.groups?.[name] === undefined && !pattern.source.includes(`(?<${name}>`))
      )
        return { problem: `there is no group ${digit ?? name} in the pattern` }
      value += digit === '0' ? '$&' : digit === undefined ? `$<${name}>` : `$${digit}`
      at += whole.length
    } else value += character
  }
  return { value }
}
