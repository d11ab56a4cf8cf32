// For what a test can only look at from outside (files another process writes): looks until it is so.

/** After so long a test that waits for something says that it never came: the machine may be slow. */
export const hangMs = 120_000

/** Resolves when `holds` gives true; rejects after `limitMs`, saying what was waited for. */
export function waitFor(
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = hangMs,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = performance.now() + limitMs
    const look = async () => {
      if (await holds()) resolve()
      else if (performance.now() > end) reject(new Error(`not within ${limitMs} ms: ${what}`))
      else setTimeout(() => void look().catch(reject), 50)
    }
    look().catch(reject)
  })
}
