// The difference of two texts of the same number of lines, as `diff -U0` prints it: lines were changed in
// place, none came or went.

/** Empty where nothing differs. */
export function unifiedDiff(
  before: { name: string; text: string },
  after: { name: string; text: string },
): string[] {
  const old = before.text.split('\n')
  const now = after.text.split('\n')
  if (old.length !== now.length) throw new Error('lines came or went: this diff is for lines that change')
  const lines: string[] = []
  for (let at = 0; at < old.length; at++) {
    if (old[at] === now[at]) continue
    const from = at
    while (at + 1 < old.length && old[at + 1] !== now[at + 1]) at++
    const count = at - from + 1
    const range = count === 1 ? String(from + 1) : `${from + 1},${count}`
    lines.push(`@@ -${range} +${range} @@`)
    for (const line of old.slice(from, at + 1)) lines.push(`-${line}`)
    for (const line of now.slice(from, at + 1)) lines.push(`+${line}`)
  }
  return lines.length === 0 ? [] : [`--- ${before.name}`, `+++ ${after.name}`, ...lines]
}
