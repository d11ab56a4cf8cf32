import assert from 'node:assert/strict'
import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import {
  emptyDirectory,
  makeOwnDirectory,
  makeTemporaryDirectory,
  removeTree,
  temporaryDirectories,
  writeText,
} from './own-directory.ts'

const inDirectory = async (run: (directory: string) => Promise<void>) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-own-'))
  try {
    await run(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}
const isRoot = process.getuid?.() === 0
const stranger = 65_534

test('a directory is made with its parents, for its user alone, and used again', () =>
  inDirectory(async directory => {
    const path = join(directory, 'a/b/c')
    await makeOwnDirectory(path)
    assert.equal((await stat(path)).mode & 0o777, 0o700)
    await makeOwnDirectory(path)
    await writeText(join(path, 'kept'), 'k')
    await writeText(join(path, 'gone'), 'g')
    await mkdir(join(path, 'tree/below'), { recursive: true })
    await emptyDirectory(path, ['kept'])
    assert.deepEqual(await readdir(path), ['kept'])
    assert.equal(await readFile(join(path, 'kept'), 'utf8'), 'k')
    await removeTree(join(directory, 'a'))
    await removeTree(join(directory, 'a'))
    assert.deepEqual(await readdir(directory), [])
  }))

test('what is in the way is said: a file, a dangling link, a parent that is none, a name nobody can make', () =>
  inDirectory(async directory => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    await symlink(join(directory, 'nothing/here'), join(directory, 'link'))
    const cases: [path: string, said: RegExp][] = [
      [file, /^cannot use the directory .*file: it is not a directory$/],
      [join(file, 'x'), /ENOTDIR/],
      [join(directory, 'link'), /^cannot use the directory .*link: ENOENT/],
      ['/proc/x/y', /^cannot use the directory \/proc\/x\/y: ENOENT/],
    ]
    for (const [path, message] of cases)
      await assert.rejects(makeOwnDirectory(path), { code: 'DISK', message })
    await assert.rejects(writeText(join(file, 'x'), ''), { code: 'DISK', message: /^cannot write .*ENOTDIR/ })
  }))

test('one that others may write into is refused, for root too, and so is one that they may replace', () =>
  inDirectory(async directory => {
    const path = join(directory, 'own')
    await makeOwnDirectory(path)
    for (const mode of [0o777, 0o1777, 0o770, 0o702]) {
      await chmod(path, mode)
      const message = new RegExp(`other users may write into it \\(mode ${mode.toString(8)}\\); chmod go-w`)
      await assert.rejects(makeOwnDirectory(path), { code: 'DISK', message })
    }
    await chmod(path, 0o755)
    await makeOwnDirectory(path)
    await chmod(directory, 0o777)
    await assert.rejects(makeOwnDirectory(path), { message: /because \/\S+ is open to all$/ })
    await chmod(directory, 0o1777)
    await makeOwnDirectory(path)
    // Through a link of one's own it is the same directory.
    await symlink(path, join(directory, 'link'))
    await makeOwnDirectory(join(directory, 'link'))
    await chmod(path, 0o777)
    await assert.rejects(makeOwnDirectory(join(directory, 'link')), { message: /other users may write/ })
  }))

test('one of another user is refused, for root too', { skip: !isRoot && 'only root can make one' }, () =>
  inDirectory(async directory => {
    const link = join(directory, 'link')
    await mkdir(join(directory, 'target'), { mode: 0o700 })
    await symlink(join(directory, 'target'), link)
    await lchown(link, stranger, stranger)
    await assert.rejects(makeOwnDirectory(link), { message: /a link that belongs to another user/ })
    await chown(join(directory, 'target'), stranger, stranger)
    await assert.rejects(makeOwnDirectory(join(directory, 'target')), {
      message: /it belongs to another user \(number 65534\)/,
    })
  }),
)

test('a temporary one has a random name and nothing in it; those of others are never found again', () =>
  inDirectory(async directory => {
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = directory
    try {
      await mkdir(join(directory, 'demo-open'))
      await chmod(join(directory, 'demo-open'), 0o777)
      await mkdir(join(directory, 'real'), { mode: 0o700 })
      await symlink(join(directory, 'real'), join(directory, 'demo-link'))
      await writeFile(join(directory, 'demo-file'), '')
      const one = await makeTemporaryDirectory('demo')
      const other = await makeTemporaryDirectory('demo')
      assert.match(basename(one), /^demo-\w{6}$/)
      assert.equal((await stat(one)).mode & 0o777, 0o700)
      assert.deepEqual((await temporaryDirectories('demo')).sort(), [one, other].sort())
      await chmod(directory, 0o777)
      await assert.rejects(makeTemporaryDirectory('demo'), { code: 'DISK', message: /is open to all$/ })
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
  }))

test('a file is always a new one, never written through a link, for its user alone', () =>
  inDirectory(async directory => {
    const precious = join(directory, 'precious')
    await writeFile(precious, 'mine')
    const path = join(directory, 'flume.conf')
    await symlink(precious, path)
    await writeText(path, 'text')
    assert.equal(await readFile(precious, 'utf8'), 'mine')
    assert.equal(await readFile(path, 'utf8'), 'text')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  }))
