// JSON laid out in lines, without reading it: every digit, escape and repeated key stays as it was written.

const step = '  '

export function indented(json: string): string {
  let out = ''
  let depth = 0
  const line = () => `\n${step.repeat(Math.min(depth, 40))}`
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g)) {
    if (token === '{' || token === '[') {
      depth++
      out += token + line()
    } else if (token === '}' || token === ']') {
      depth--
      out = /[{[]\s*$/.test(out.slice(-100)) ? out.trimEnd() + token : out + line() + token
    } else if (token === ',') out += token + line()
    else if (token === ':') out += ': '
    else out += token
  }
  return out
}
