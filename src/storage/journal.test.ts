import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { realSystem } from '../system/system.ts'
import type { Disk } from '../system/disk.ts'
import { Journal } from './journal.ts'

/** A journal whose state is the last value of each key. */
async function openMap(path: string, disk: Disk = realSystem.disk) {
  const map = new Map<string, string>()
  const warnings: string[] = []
  const failures: string[] = []
  const journal = await Journal.open({
    disk,
    log: { warn: line => void warnings.push(line) },
    path,
    smallBytes: 2000,
    apply(payload) {
      const [key, value] = String(payload).split('=') as [string, string]
      map.set(key, value)
    },
    snapshot: () => [...map].map(([key, value]) => Buffer.from(`${key}=${value}`)),
    onFailed: fault => void failures.push(fault.message),
  })
  return { journal, map, warnings, failures, put: (text: string) => journal.append(Buffer.from(text)) }
}

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-journal-'))
  try {
    await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test('entries take effect when they are durable and are there again; the file does not grow for ever', () =>
  inDirectory(async directory => {
    const path = join(directory, 'j')
    const first = await openMap(path)
    const before = first.put('k0=first')
    assert.equal(first.map.size, 0)
    await before
    assert.equal(first.map.get('k0'), 'first')
    for (let index = 0; index < 1000; index++) await first.put(`k${index % 10}=${index}`)
    await Promise.all(Array.from({ length: 100 }, (_, index) => first.put(`many=${index}`)))
    await first.journal.close()
    await assert.rejects(first.put('late=1'), /cannot write .*j: it is closed/)
    assert.ok((await stat(path)).size < 4000)
    const second = await openMap(path)
    assert.deepEqual(second.map, first.map)
    assert.equal(second.map.get('k7'), '997')
    assert.equal(second.map.get('many'), '99')
    await second.journal.close()
    assert.deepEqual([...first.failures, ...second.failures, ...second.warnings], [])
  }))

test('an entry that was torn at any byte is cut off; what comes after it is written in its place', () =>
  inDirectory(async directory => {
    const path = join(directory, 'j')
    const first = await openMap(path)
    await first.put('a=1')
    await first.journal.close()
    const good = await readFile(path)
    const entry = good.subarray(8)
    for (let size = 1; size < entry.length; size++) {
      await writeFile(path, good)
      await appendFile(path, entry.subarray(0, size))
      const again = await openMap(path)
      assert.match(again.warnings.join(), new RegExp(`cut ${size} bytes`))
      await again.put('b=2')
      await again.journal.close()
      const last = await openMap(path)
      assert.deepEqual(
        [...last.map],
        [
          ['a', '1'],
          ['b', '2'],
        ],
      )
      await last.journal.close()
    }
    await writeFile(path, 'something else')
    await assert.rejects(openMap(path), /j does not begin as a journal of Millrace/)
  }))

test('after a failed sync nothing is written any more, and it is told once', () =>
  inDirectory(async directory => {
    let fails = false
    const { disk } = realSystem
    const failing: Disk = {
      ...disk,
      async open(path, mode) {
        const file = await disk.open(path, mode)
        return {
          path,
          size: () => file.size(),
          read: (target, position) => file.read(target, position),
          write: (bytes, position) => file.write(bytes, position),
          writeAll: (buffers, position) => file.writeAll(buffers, position),
          truncate: size => file.truncate(size),
          sync: () => (fails ? Promise.reject(new Error('EIO: simulated')) : file.sync()),
          close: () => file.close(),
        }
      },
    }
    const one = await openMap(join(directory, 'j'), failing)
    await one.put('a=1')
    fails = true
    await assert.rejects(one.put('b=2'), /cannot write .*EIO/)
    fails = false
    await assert.rejects(one.put('c=3'), /cannot write .*EIO/)
    assert.deepEqual([...one.map.keys()], ['a'])
    assert.equal(one.failures.length, 1)
    await one.journal.close()
  }))

test('on a full disk entries are refused until there is room, and the file need not be written anew', () =>
  inDirectory(async directory => {
    let isFull = false
    const { disk } = realSystem
    const small: Disk = {
      ...disk,
      async open(path, mode) {
        const file = await disk.open(path, mode)
        return {
          path,
          size: () => file.size(),
          read: (target, position) => file.read(target, position),
          async write(bytes, position) {
            if (path.endsWith('.new') && mode === 'create' && position === 0 && hasBegun)
              throw Object.assign(new Error('ENOSPC: simulated'), { code: 'ENOSPC' })
            await file.write(isFull ? bytes.subarray(0, 5) : bytes, position)
            if (isFull) throw Object.assign(new Error('ENOSPC: simulated'), { code: 'ENOSPC' })
          },
          writeAll: (buffers, position) => file.writeAll(buffers, position),
          truncate: size => file.truncate(size),
          sync: () => file.sync(),
          close: () => file.close(),
        }
      },
    }
    let hasBegun = false
    const path = join(directory, 'j')
    const one = await openMap(path, small)
    hasBegun = true
    await one.put('a=1')
    isFull = true
    await assert.rejects(one.put('b=2'), /cannot write .*ENOSPC/)
    await assert.rejects(one.put('c=3'), /cannot write .*ENOSPC/)
    isFull = false
    for (let index = 0; index < 500; index++) await one.put(`d=${index}`)
    assert.ok(one.warnings.length > 0 && one.warnings.length < 5)
    assert.match(one.warnings[0]!, /could not be written anew: ENOSPC/)
    assert.deepEqual(one.failures, [])
    await one.journal.close()
    const two = await openMap(path)
    assert.deepEqual(
      [...two.map],
      [
        ['a', '1'],
        ['d', '499'],
      ],
    )
    await two.journal.close()
  }))
