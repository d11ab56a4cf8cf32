// regex_extractor's times against Joda-Time 2.9.9, which Flume reads them with. Its answers to the first cases are
// recorded in test/joda (MILLRACE_RECORD=1 does it anew), and must still be the same.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { jodaCases, type JodaCase } from '../joda/cases.ts'
import { file, now, recordedCount, requireSame } from '../joda/comparison.ts'
import { fetchPeer, skipWithoutPeers } from './peers/fetch.ts'
import { startProcess } from './peers/process.ts'

const seed = Number(process.env['MILLRACE_SEED'] ?? 1)
const count = process.env['MILLRACE_DEEP'] === '1' ? 100_000 : 5000

async function askJoda(cases: readonly JodaCase[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-joda-'))
  try {
    const given = join(directory, 'cases')
    writeFileSync(given, cases.map(one => one.join('\t')).join('\n'))
    const main = fileURLToPath(new URL('joda-times.java', import.meta.url))
    const running = await startProcess({
      name: 'joda',
      directory,
      // Names of months and days go by the locale.
      command: [
        'java',
        '-Duser.language=en',
        '-Duser.country=US',
        '-cp',
        `${await fetchPeer('flume-1.11.0')}/*`,
        main,
        given,
        String(now),
      ],
      ready: /^done/m,
    })
    await running.stop()
    return [...running.output.matchAll(/^> (.*)$/gm)].map(([, answer]) => answer!)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

it('times are read as Joda-Time reads them', { skip: skipWithoutPeers }, async () => {
  const cases = jodaCases(seed, count)
  const answers = await askJoda(cases)
  assert.equal(answers.length, cases.length)
  const lines = cases.slice(0, recordedCount).map((one, index) => JSON.stringify([...one, answers[index]]))
  const text = `[\n${lines.join(',\n')}\n]\n`
  if (process.env['MILLRACE_RECORD'] === '1' || !existsSync(file)) writeFileSync(file, text)
  if (seed === 1) assert.equal(readFileSync(file, 'utf8'), text)
  requireSame(cases, answers)
})
