import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { crc32 } from 'node:zlib'
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
      return true
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
    const before = await readFile(path)
    await first.put('c=3')
    const entry = (await readFile(path)).subarray(before.length)
    await first.journal.close()
    for (let size = 1; size < entry.length; size++) {
      await writeFile(path, before)
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

test('what was durable and is damaged keeps the journal from opening, and the file as it is', () =>
  inDirectory(async directory => {
    const path = join(directory, 'j')
    const refused = async (bytes: Buffer): Promise<number> => {
      let count = 0
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Buffer.from(bytes)
        damaged[at]! ^= 1
        await writeFile(path, damaged)
        const opened = await openMap(path).catch((error: unknown) => String(error))
        if (typeof opened !== 'string') {
          // The entry that says that all before it is durable may itself look like a torn write.
          assert.match(opened.warnings.join(), /cut 16 bytes/)
          assert.deepEqual([...opened.map.keys()], ['a', 'b', 'c'])
          await opened.journal.close()
          continue
        }
        assert.match(opened, /j is damaged|does not begin as a journal/)
        assert.deepEqual(await readFile(path), damaged)
        count++
      }
      return count
    }
    const one = await openMap(path)
    for (const entry of ['a=1', 'b=2', 'c=3']) await one.put(entry)
    await one.journal.close()
    const closed = await readFile(path)
    assert.equal(await refused(closed), closed.length - 16)
    // Written anew: all of it was durable before it had its name.
    await writeFile(path, closed)
    const many = await openMap(path)
    for (let index = 0; (await stat(path)).size >= closed.length; index++) await many.put(`c=${index}`)
    const anew = await readFile(path)
    await many.journal.close()
    assert.equal(await refused(anew), anew.length)
  }))

test('entries of one write that reached the disk without the first of them are torn, not damaged', () =>
  inDirectory(async directory => {
    const path = join(directory, 'j')
    const one = await openMap(path)
    await one.put('a=1')
    const before = await readFile(path)
    // The first is written alone; the others share a write.
    await Promise.all(['b=2', 'c=3', 'd=4'].map(one.put))
    const bytes = await readFile(path)
    await one.journal.close()
    const shared = before.length + 16 + 3
    bytes[shared + 17]! ^= 1
    await writeFile(path, bytes)
    const again = await openMap(path)
    assert.deepEqual([...again.map.keys()], ['a', 'b'])
    assert.match(again.warnings.join(), new RegExp(`cut 38 bytes of an unfinished write at ${shared}`))
    await again.journal.close()
  }))

test('a journal of the format before is read, and written anew', () =>
  inDirectory(async directory => {
    const path = join(directory, 'j')
    const entries = ['a=1', 'b=2', 'a=3'].map(text => {
      const header = Buffer.alloc(8)
      header.writeUInt32LE(text.length, 0)
      header.writeUInt32LE(crc32(text), 4)
      return Buffer.concat([header, Buffer.from(text)])
    })
    await writeFile(path, Buffer.concat([Buffer.from('MRJRNL1\n'), ...entries, Buffer.from('torn')]))
    for (let times = 0; times < 2; times++) {
      const opened = await openMap(path)
      assert.deepEqual(Object.fromEntries(opened.map), { a: '3', b: '2' })
      await opened.journal.close()
    }
    assert.equal((await readFile(path)).subarray(0, 8).toString(), 'MRJRNL2\n')
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
    assert.match(one.warnings[0]!, /could not be rewritten: ENOSPC/)
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
