import assert from 'node:assert/strict'
import { chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { emptyDirectory, makeOwnDirectory, removeTree, writeText } from './own-directory.ts'

const inDirectory = async (run: (directory: string) => Promise<void>) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-own-'))
  try {
    await run(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

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
    const cases: [path: string, shared: boolean, said: RegExp][] = [
      [file, false, /^cannot use the directory .*file: it is not a directory$/],
      [join(file, 'x'), false, /ENOTDIR/],
      [join(directory, 'link'), true, /^cannot use the directory .*link: ENOENT/],
      ['/proc/x/y', false, /^cannot use the directory \/proc\/x\/y: ENOENT/],
    ]
    for (const [path, shared, message] of cases)
      await assert.rejects(makeOwnDirectory(path, shared), { code: 'DISK', message })
    await assert.rejects(writeText(join(file, 'x'), ''), { code: 'DISK', message: /^cannot write .*ENOTDIR/ })
  }))

test(
  'one that another user has laid out is refused, unless it may be shared',
  { skip: process.getuid?.() !== 0 },
  () =>
    inDirectory(async directory => {
      const link = join(directory, 'link')
      await mkdir(join(directory, 'target'))
      await symlink(join(directory, 'target'), link)
      const { lchown } = await import('node:fs/promises')
      await lchown(link, 65_534, 65_534)
      await assert.rejects(makeOwnDirectory(link), { message: /a link that belongs to another user/ })
      await chown(join(directory, 'target'), 65_534, 65_534)
      await makeOwnDirectory(link, true)
    }),
)
