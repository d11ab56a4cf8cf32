// C14: contrast of the console's colours, computed by WCAG's formula from web/tokens.css, in both themes: 4.5 for text, 3 for
// what is drawn.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const css = readFileSync(new URL('../../web/tokens.css', import.meta.url), 'utf8')
const colors = new Map(
  [...css.matchAll(/--([\w-]+):\s*light-dark\((#[\da-f]{6}),\s*(#[\da-f]{6})\)/g)].map(
    ([, name, light, dark]) => [name!, { light: light!, dark: dark! }] as const,
  ),
)

/** Relative luminance of #rrggbb. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map(at => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast(one: string, other: string): number {
  const [less, more] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (more! + 0.05) / (less! + 0.05)
}

const grounds = ['bg', 'surface', 'sunken', 'hover', 'selected']
const pairs: readonly (readonly [fronts: string[], grounds: string[], least: number])[] = [
  [['ink', 'ink-2', 'ink-3', 'accent', 'warn', 'bad'], grounds, 4.5],
  [['accent-hover'], ['bg', 'surface', 'hover'], 4.5],
  [['ink', 'ink-2', 'warn', 'accent'], ['warn-soft'], 4.5],
  [['ink', 'ink-2', 'bad', 'accent'], ['bad-soft'], 4.5],
  [['on-accent'], ['accent', 'accent-hover'], 4.5],
  [['on-bad'], ['bad-fill'], 4.5],
  [['ink'], ['found'], 4.5],
  [['water', 'warn-mark', 'bad-mark', 'line-strong', 'focus'], grounds, 3],
  [['warn-mark'], ['warn-soft', 'water-bed'], 3],
  [['bad-mark'], ['bad-soft', 'water-bed'], 3],
  [['water'], ['water-bed'], 3],
]

for (const theme of ['light', 'dark'] as const)
  test(`C14: text and marks stand out from their grounds, ${theme}`, () => {
    const weak = pairs.flatMap(([fronts, on, least]) =>
      fronts.flatMap(front =>
        on.flatMap(ground => {
          const value = contrast(colors.get(front)![theme], colors.get(ground)![theme])
          return value < least ? [`${front} on ${ground}: ${value.toFixed(2)}, not ${least}`] : []
        }),
      ),
    )
    assert.deepEqual(weak, [])
  })

test('C14: no style sheet has a colour of its own', () => {
  for (const name of ['base', 'component', 'controls', 'flow', 'forms', 'login', 'messages', 'parts'])
    assert.doesNotMatch(
      readFileSync(new URL(`../../web/${name}.css`, import.meta.url), 'utf8'),
      /#[\da-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(/i,
      name,
    )
})
