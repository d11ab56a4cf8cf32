// The files of examples/ops that other programs judge: systemd's units by systemd, where it is there.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './source-text.ts'

const units = join(root, 'examples/ops/systemd')
const analyze = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, text: stdout + stderr }
}
const [version] = /\d+/.exec(analyze('--version').text) ?? ['0']
const skip = Number(version) >= 250 ? false : 'systemd-analyze 250 or newer is not available'

test('systemd accepts the units, and finds them well confined', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'units-'))
  try {
    cpSync(units, directory, { recursive: true })
    const names = readdirSync(directory).filter(name => name.endsWith('.service'))
    assert.deepEqual(names.sort(), ['millrace-agent@.service', 'millrace-broker.service'])
    for (const name of names) {
      const path = join(directory, name.replace('@', '@a1'))
      const text = readFileSync(join(directory, name), 'utf8')
      // The commands of the units must be there: those of this checkout are.
      writeFileSync(path, text.replaceAll('/opt/millrace/', `${root}/`))
      const verified = analyze('verify', '--man=no', path)
      assert.deepEqual([verified.status, verified.text.trim()], [0, ''], name)
      // In tenths: 20 is "OK", the best that a service of the network with a compiler in it can be near to.
      const judged = analyze('security', '--offline=true', '--threshold=20', '--no-pager', path)
      assert.equal(judged.status, 0, judged.text)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
