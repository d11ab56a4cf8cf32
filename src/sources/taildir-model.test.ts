// The taildir source against a model, in random sequences: lines are appended, files are made, renamed, truncated,
// deleted and grow idle, channels refuse, the agent is stopped and killed. Every line arrives whose file was not destroyed
// before it was read; none arrives twice but what was taken since positions were last written before a kill.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { Fault } from '../errors.ts'
import { TailStage } from '../../test/tail-stage.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-tail-model-'))
after(() => rmSync(root, { recursive: true, force: true }))

const slot = fc.nat({ max: 2 })
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('append' as const), slot, count: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('append part' as const), slot }) },
  { weight: 8, arbitrary: fc.constant({ do: 'pass' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refuse' as const), taken: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rotate' as const), slot, isOfGroup: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('truncate' as const, 'delete' as const), slot }) },
  { weight: 1, arbitrary: fc.constant({ do: 'idle' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), isKill: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Line {
  /** It may be gone: its file was destroyed, or renamed before anybody saw it. */
  isOptional: boolean
  /** It was taken since positions were last written for certain. */
  mayRepeat: boolean
  arrivals: number
}

interface ModelFile {
  lines: Line[]
  /** A pass has seen it under a name of the group. */
  isSeen: boolean
  /** Its last line has no newline yet. */
  isOpen: boolean
  /** It was truncated since the last pass. */
  isBlurred: boolean
}

class Model {
  readonly tail: TailStage
  readonly lines = new Map<string, Line>()
  readonly slots: (ModelFile | null)[] = [null, null, null]
  readonly all: ModelFile[] = []
  isRunning = false
  isGarbled = false
  #lines = 0
  #files = 0
  #looked = 0

  constructor(tail: TailStage) {
    this.tail = tail
  }

  async run(one: Step): Promise<void> {
    const { tail } = this
    switch (one.do) {
      case 'append':
        return this.append(one.slot, one.count, true)
      case 'append part':
        return this.append(one.slot, 1, false)
      case 'pass':
        return this.isRunning ? this.pass() : this.start()
      case 'refuse':
        if (this.isRunning) await this.refuse(one.taken)
        return
      case 'rotate': {
        const file = this.slots[one.slot]!
        if (file === null) return
        const name = one.isOfGroup ? `r${++this.#files}.log` : `${one.slot}.log.${++this.#files}`
        tail.rename(`${one.slot}.log`, name)
        if (!one.isOfGroup && !file.isSeen) this.destroy(file)
        this.slots[one.slot] = null
        return
      }
      case 'delete':
        if (this.slots[one.slot] === null) return
        tail.remove(`${one.slot}.log`)
        this.destroy(this.slots[one.slot]!)
        this.slots[one.slot] = null
        return
      case 'truncate': {
        const file = this.slots[one.slot]!
        if (file === null || !this.isRunning) return
        tail.write(`${one.slot}.log`, '')
        this.destroy(file)
        file.lines = []
        file.isOpen = false
        file.isBlurred = true
        return
      }
      case 'idle':
        return tail.sleep(200_000)
      case 'restart':
        if (!this.isRunning) return
        for (const file of this.all.filter(other => other.isBlurred)) {
          // What was before the position is not known any more: lines may be cut, or taken for read.
          this.destroy(file)
          this.isGarbled = true
        }
        if (one.isKill) tail.kill()
        else await tail.stop()
        this.isRunning = false
    }
  }

  destroy(file: ModelFile): void {
    for (const line of file.lines) line.isOptional = true
  }

  append(at: number, count: number, isWhole: boolean): void {
    let file = this.slots[at]!
    if (file === null) {
      // It may get the inode of one that was deleted: only the time when it is made tells the two apart.
      this.tail.untilLater('positions.json')
      file = { lines: [], isSeen: false, isOpen: false, isBlurred: false }
      this.slots[at] = file
      this.all.push(file)
    }
    let text = file.isOpen ? '\n' : ''
    for (let index = 0; index < count; index++) {
      const id = `line ${++this.#lines} ☃${'x'.repeat(this.#lines % 90)}`
      const line: Line = { isOptional: file.isBlurred && this.isGarbled, mayRepeat: false, arrivals: 0 }
      this.lines.set(id, line)
      file.lines.push(line)
      text += `${id}\n`
    }
    file.isOpen = !isWhole
    this.tail.append(`${at}.log`, isWhole ? text : text.slice(0, -1))
  }

  async start(): Promise<void> {
    await this.tail.start()
    this.isRunning = true
  }

  async pass(): Promise<void> {
    await this.tail.pass()
    this.look(false)
    for (const file of this.slots) if (file !== null) file.isSeen = true
    for (const file of this.all) file.isBlurred = false
    // The pass has written the positions.
    for (const line of this.lines.values()) line.mayRepeat = false
  }

  /** A pass of which so many puts are taken, and the next one is not. */
  async refuse(taken: number): Promise<void> {
    let left = taken
    this.tail.put = async () => {
      if (left-- <= 0) throw new Fault('STATE_MISSING', 'refused')
    }
    await this.tail.pass().catch((error: unknown) => assert.ok(error instanceof Fault, String(error)))
    this.tail.put = async () => {}
    this.look(true)
  }

  look(mayRepeat: boolean): void {
    for (const event of this.tail.events.slice(this.#looked)) {
      const id = event.body.toString()
      const line = this.lines.get(id)
      // The newline of a line that was handed over when its file was idle.
      if (line === undefined) assert.ok(id === '' || this.isGarbled, `nobody wrote ${id}`)
      else {
        assert.ok(line.arrivals === 0 || line.mayRepeat, `${id} came again`)
        line.arrivals++
        line.mayRepeat ||= mayRepeat
      }
    }
    this.#looked = this.tail.events.length
  }

  async finish(): Promise<void> {
    if (!this.isRunning) await this.start()
    await this.pass()
    for (const [at, file] of this.slots.entries()) if (file !== null) this.append(at, 1, true)
    await this.pass()
    this.tail.sleep(200_000)
    await this.pass()
    await this.tail.stop()
    for (const [id, line] of this.lines) assert.ok(line.arrivals > 0 || line.isOptional, `${id} is missing`)
  }
}

test('every line arrives, and none twice without a reason', async () => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
      const tail = new TailStage(join(root, String(++runs)), { writePosInterval: 0, batchSize: 3 })
      const model = new Model(tail)
      try {
        for (const one of steps) await model.run(one)
        await model.finish()
      } finally {
        tail.kill()
        rmSync(tail.directory, { recursive: true, force: true })
      }
    }),
    { numRuns: process.env['MILLRACE_DEEP'] === '1' ? 3000 : 40 },
  )
})
