// "Did you mean": the known word nearest to one that is not known.

/** Single-character edits (insert, delete, replace, swap of neighbours) between two words. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(replace, last[j]! + 1, row[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1)
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/** Longer words than any name; they are compared with nothing. */
const longest = 200

/** The word without what a .properties file makes part of it: quotes around it, a comment behind it. */
export const bareWord = (word: string): string =>
  word
    .replace(/(^|\s)(#|\/\/).*$/s, '')
    .replace(/^\s*(["'])(.*)\1\s*$/s, '$2')
    .trim()

/** The nearest of `known`, without regard to case, quotes and comments; undefined when none is near. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const bare = bareWord(word.slice(0, longest)).toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(bare.length / 3)) + 1
  for (const candidate of known) {
    // At least as many edits as the lengths differ: most words need no closer look.
    if (Math.abs(candidate.length - bare.length) >= bestDistance) continue
    const distance = editDistance(bare, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}
