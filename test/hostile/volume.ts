// A small file system of a test's own, on which others do not work: it can be full, and can become read-only while files on
// it are open. Root alone can have one; elsewhere the tests say loudly that they are skipped.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { TestContext } from 'node:test'

const quiet = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Mounted at `path`, for as long as the test runs; an ext4 image of 64 MB, or a tmpfs of so many bytes. */
export class Volume {
  readonly path: string

  constructor(t: TestContext, tmpfsBytes?: number) {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-volume-'))
    this.path = join(directory, 'mounted')
    mkdirSync(this.path)
    t.after(() => {
      // Not busy for long: whoever had files open on it has ended, or is about to.
      quiet('umount', '-l', this.path)
      rmSync(directory, { recursive: true, force: true })
    })
    if (tmpfsBytes !== undefined) {
      quiet('mount', '-t', 'tmpfs', '-o', `size=${tmpfsBytes}`, 'millrace', this.path)
      return
    }
    const image = join(directory, 'image')
    quiet('truncate', '-s', '64M', image)
    quiet('mkfs.ext4', '-q', '-F', image)
    quiet('mount', '-o', 'loop,errors=remount-ro', image, this.path)
  }

  /** What the kernel does on an error of the disk: also files that are open take no writes any more. */
  makeReadOnly(): void {
    const device = basename(quiet('findmnt', '-no', 'SOURCE', this.path).trim())
    writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, '1')
  }
}

/** Why there are none here; false where there are. */
export const noVolumes: string | false =
  process.getuid?.() === 0 && process.platform === 'linux'
    ? (() => {
        try {
          quiet('losetup', '-f')
          return false
        } catch {
          return 'there are no loop devices here'
        }
      })()
    : 'only root can mount file systems'
