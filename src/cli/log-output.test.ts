// The log's two formats, its file, and what is not understood.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openLog, readLogSettings } from './log-output.ts'

const directory = mkdtempSync(join(tmpdir(), 'log-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const properties = (format: string, file: string) =>
  new Map([
    ['flume.root.logger', 'DEBUG,LOGFILE'],
    ['flume.log.dir', directory],
    ['flume.log.file', file],
    ['flume.log.format', format],
  ])

test('as JSON every line is an object, whatever the message holds', () => {
  const { log, reopen } = openLog(properties('JSON', 'a.log'))
  log.child('k1').info('delivered "x"\n{"level":"FATAL"}\u2028\u202e')
  log.info('an event', ['00000000 68 69', '00000010 \u001b'])
  log.error('it failed', new Error('a reason'))
  const path = join(directory, 'a.log')
  renameSync(path, join(directory, 'a.log.1'))
  reopen()
  log.warn('after the rotation')
  const [first, second, third] = readFileSync(join(directory, 'a.log.1'), 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  assert.match(String(first!['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(
    { ...first, time: 0 },
    {
      time: 0,
      level: 'INFO',
      component: 'k1',
      message: String.raw`delivered "x"\n{"level":"FATAL"}\u2028\u202E`,
    },
  )
  assert.deepEqual(second!['lines'], ['00000000 68 69', String.raw`00000010 \u001B`])
  assert.equal(third!['level'], 'ERROR')
  assert.equal(third!['message'], 'it failed: a reason')
  assert.match(String((third!['lines'] as string[])[0]), /^ +at /)
  const rest = readFileSync(path, 'utf8')
  assert.equal((JSON.parse(rest) as { message: string }).message, 'after the rotation')
})

test("the pattern is that of Flume's log, and a format that is not known is reported", () => {
  openLog(properties('pattern', 'b.log')).log.child('k1').warn('a\nb')
  assert.match(
    readFileSync(join(directory, 'b.log'), 'utf8'),
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \(k1\) \[WARN - millrace\.k1\] a\\nb\n$/,
  )
  const { isJson, problems } = readLogSettings(properties('xml', 'c.log'))
  assert.equal(isJson, false)
  assert.deepEqual(problems, [
    {
      severity: 'warning',
      problem: 'flume.log.format: "xml" is not a format; pattern is used',
      fix: 'write pattern or json',
    },
  ])
})
