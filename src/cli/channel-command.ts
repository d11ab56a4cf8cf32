// `millrace channel inspect|verify|export|import|repair` and `flume-ng tool FCINTEGRITYTOOL`: what lies in the
// directories of a file channel that no agent uses, ours or Flume's. Nothing is changed in place, unless `repair
// --accept-loss` is asked to give up what is missing.
import { createReadStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { checkpointName } from '../channels/file/checkpoint.ts'
import { acceptLoss, putAll, type Place } from '../channels/file/tools/copy.ts'
import { firstEncrypted, type Damage } from '../channels/file/tools/examine.ts'
import { readDeadLetter } from '../dead-letter.ts'
import type { Event } from '../event.ts'
import { countOf, printable } from '../printable.ts'
import { realSystem } from '../system/system.ts'
import type { Arguments } from './arguments.ts'
import { damageText, howToRepair, readContent, requireReadable, type Content } from './channel-content.ts'
import { howToGiveKeys, keysOf, type KeyOptions } from './channel-keys.ts'
import {
  findChannel,
  isEmpty,
  lockAll,
  requireOwnCheckpoint,
  type ChannelDirectories,
} from './channel-directories.ts'
import { gatherJavaOptions, wordsOf } from './java-options.ts'
import { writeOut } from './output.ts'
import { linesOf } from './lines.ts'
import { UsageError } from './usage-error.ts'

const { disk } = realSystem

/** Exit code where something is damaged or lost. */
const damaged = 1

interface Options extends KeyOptions {
  json?: boolean
  checkpoint?: string
  to?: string
  from?: string
  append?: boolean
  acceptLoss?: boolean
}

type Properties = Arguments['properties']
type Action = (words: readonly string[], properties: Properties) => Promise<number>

const actions: Readonly<Record<string, Action>> = {
  inspect,
  verify,
  export: exportEvents,
  import: importEvents,
  repair,
}

export async function runChannel(given: Arguments): Promise<number> {
  const [name = '', ...words] = given.rest
  const { properties } = gatherJavaOptions(wordsOf(process.env['FLUME_JAVA_OPTS']), given)
  if (Object.hasOwn(actions, name)) return await actions[name]!(words, properties)
  throw new UsageError(
    `${name === '' ? '' : `channel ${name}: `}write millrace channel inspect|verify|export|import|repair DIRECTORY...`,
  )
}

/** `flume-ng tool FCINTEGRITYTOOL -l DIR[,DIR]`, with Flume's summary; unlike Flume's it marks nothing in place. */
export async function runIntegrityTool(words: readonly string[]): Promise<number> {
  const { options } = parse('FCINTEGRITYTOOL', words, command =>
    command
      .requiredOption('-l, --dataDirs <directories>', 'data directories, separated by commas')
      .option('-e, --eventValidator <class>')
      .option('-c, --conf <directory>'),
  )
  const { dataDirs, eventValidator } = options as unknown as { dataDirs: string; eventValidator?: string }
  if (eventValidator !== undefined)
    throw new UsageError(
      `--eventValidator ${eventValidator} is a Java class, and there is no JVM; the tool checks checksums and structure`,
    )
  return await onChannel(
    dataDirs.split(',').map(one => one.trim()),
    {},
    new Map(),
    async (content, found) => {
      // Reads every body, so that each checksum is looked at.
      if (content.locked === null) for await (const _ of content.events());
      tellDamage(content.damage)
      if (content.locked !== null)
        print(`${content.locked}: its checksums were verified, nothing was decrypted`)
      const { lost } = content
      const total = content.ours === null ? content.inside : content.inside + lost
      print('---------- Summary --------------------')
      print(`Number of Events in the Channel = ${total}`)
      print(`Number of Valid Events = ${content.inside}`)
      print(`Number of Corrupt Events = ${lost === 0 ? content.damage.length : lost}`)
      if (content.damage.length > 0) print(howToRepair(found))
      return content.damage.length > 0 ? damaged : 0
    },
  )
}

async function inspect(words: readonly string[], properties: Properties): Promise<number> {
  const { operands, options } = parse('inspect', words, command =>
    command.option('--json').option('--checkpoint <directory>'),
  )
  return await onChannel(operands, options, properties, async (content, found) => {
    const { ours } = content
    if (options.json === true) {
      print(JSON.stringify(summary(content, found), null, 2))
      return 0
    }
    print(`${found.kind === 'flume' ? "Flume's" : 'Millrace'} file channel in ${found.data.join(', ')}`)
    print(
      `events inside: ${content.inside}${content.lost > 0 ? `, and ${content.lost} that cannot be read` : ''}`,
    )
    if (ours !== null) {
      print(`numbers: next ${ours.nextNumber}, all below ${ours.gone.low} gone`)
      const last = ours.segments.at(-1)
      print(
        last?.isStopped === true
          ? 'stopped cleanly'
          : 'not stopped cleanly: an agent was killed, or the machine',
      )
      if (ours.unfinished !== null)
        print(
          `${ours.unfinished.path}: an unfinished write at byte ${ours.unfinished.from}; it was never acknowledged`,
        )
      for (const one of ours.segments)
        print(
          `${one.path}: ${one.transactions} transactions, ${one.events} events from number ${one.firstNumber ?? '?'} on, ${one.end} of ${one.bytes} bytes used`,
        )
    }
    if (content.locked !== null) print(content.locked)
    for (const { path, bytes } of content.flume) print(`${path}: ${bytes} bytes`)
    tellDamage(content.damage)
    return 0
  })
}

async function verify(words: readonly string[], properties: Properties): Promise<number> {
  const { operands, options } = parse('verify', words, command => command.option('--checkpoint <directory>'))
  return await onChannel(operands, options, properties, async (content, found) => {
    let read = content.locked === null ? 0 : content.inside
    if (content.locked === null)
      await requireReadable(content).catch((error: unknown) => {
        tellDamage(content.damage)
        throw error
      })
    if (content.locked === null) for await (const events of content.events()) read += events.length
    else print(`${content.locked}: its checksums were verified, and nothing was decrypted`)
    tellDamage(content.damage)
    if (content.ours?.unfinished) {
      const { path, from } = content.ours.unfinished
      print(`${path}: an unfinished write at byte ${from}; it was never acknowledged, so nothing is lost`)
    }
    const isGood = content.damage.length === 0
    const whole = content.locked === null ? 'every byte is as it was written' : 'every checksum fits'
    print(`${countOf(read, 'event')} inside, ${content.lost} lost: ${isGood ? whole : 'damaged'}`)
    if (!isGood) print(howToRepair(found))
    return isGood ? 0 : damaged
  })
}

async function exportEvents(words: readonly string[], properties: Properties): Promise<number> {
  const { operands, options } = parse('export', words, command =>
    command.option('--to <file>').option('--checkpoint <directory>'),
  )
  return await onChannel(operands, options, properties, async content => {
    await requireReadable(content)
    const target = options.to === undefined ? null : await createFile(options.to)
    let count = 0
    let at = 0
    for await (const events of content.events()) {
      const lines = Buffer.from(events.map(lineOf).join(''))
      if (target === null) await writeOut(lines)
      else await target.write(lines, at)
      at += lines.length
      count += events.length
    }
    await target?.sync()
    await target?.close()
    tellDamage(content.damage)
    process.stderr.write(
      `${countOf(count, 'event')} exported, ${content.lost} could not be read; the channel is as it was\n`,
    )
    return content.damage.length > 0 ? damaged : 0
  })
}

async function importEvents(words: readonly string[], properties: Properties): Promise<number> {
  const { operands, options } = parse('import', words, command =>
    command
      .requiredOption('--from <file>', 'an export, or dead letters')
      .option('--append', 'also where the channel holds events')
      .option('--checkpoint <directory>'),
  )
  const place = await placeOf(operands, options)
  if (options.append !== true)
    for (const directory of [...place.dataDirectories, place.checkpointDirectory])
      if (!(await isEmpty(disk, directory)))
        throw new UsageError(
          `${directory} is not empty; add --append to put the events behind those that are there`,
        )
  // Everything is looked at before the first event is put: half an import would be hard to continue.
  let expected = 0
  for await (const events of eventsOf(options.from!)) expected += events.length
  const keys = await keysOf(options, properties)
  const encrypted =
    options.append === true && keys === null
      ? await firstEncrypted(disk, await existing(place.dataDirectories))
      : null
  if (encrypted !== null)
    throw new UsageError(
      `${encrypted.path} is encrypted with the key "${encrypted.keyAlias}", and what is imported would be plain text: ${howToGiveKeys}`,
    )
  const { put, before } = await putAll(realSystem, place, keys, eventsOf(options.from!))
  print(`${put} of ${expected} events imported behind ${before}, synced`)
  return 0
}

/** Those that are there: what is not will be made. */
async function existing(directories: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const one of directories) if (await disk.exists(one)) found.push(one)
  return found
}

/** The directories as the channel names them. Rejects with FOREIGN_FILES where the checkpoint is another's. */
async function placeOf(operands: readonly string[], { checkpoint }: Options): Promise<Place> {
  const dataDirectories = operands.map(one => resolve(one))
  const checkpointDirectory = resolve(checkpoint ?? join(operands[0]!, '..', 'checkpoint'))
  await requireOwnCheckpoint(disk, dataDirectories, checkpointDirectory)
  return { dataDirectories, checkpointDirectory }
}

async function repair(words: readonly string[], properties: Properties): Promise<number> {
  const { operands, options } = parse('repair', words, command =>
    command
      .option('--to <directory>', 'a new directory')
      .option('--accept-loss', 'in place: go on without segments and directories that are missing')
      .option('--checkpoint <directory>'),
  )
  if (options.acceptLoss === true) {
    if (options.to !== undefined) throw new UsageError('--accept-loss works in place; leave --to out')
    const place = await placeOf(operands, options)
    // A typing error must not make a channel.
    if (!(await disk.exists(join(place.checkpointDirectory, checkpointName)))) {
      const { kind } = await findChannel(disk, operands, options.checkpoint)
      if (kind === 'flume')
        throw new UsageError(`--accept-loss: ${operands.join(', ')} is a channel of Flume`)
    }
    const inside = await acceptLoss(realSystem, place, await keysOf(options, properties))
    print(`the channel opens with ${countOf(inside, 'event')}; what was missing counts as lost`)
    return 0
  }
  if (options.to === undefined) throw new UsageError('repair: name a new directory with --to DIRECTORY')
  const target = resolve(options.to)
  if (!(await isEmpty(disk, target))) throw new UsageError(`${target} is not empty; name a new directory`)
  return await onChannel(operands, options, properties, async content => {
    await requireReadable(content)
    const place = { dataDirectories: [join(target, 'data')], checkpointDirectory: join(target, 'checkpoint') }
    const { put } = await putAll(realSystem, place, content.keys, content.events())
    tellDamage(content.damage)
    print(
      `${countOf(put, 'event')} ${put === 1 ? 'is' : 'are'} in the new channel, ${content.lost} could not be read; the old files are as they were`,
    )
    print(`dataDirs = ${place.dataDirectories.join(',')}`)
    print(`checkpointDir = ${place.checkpointDirectory}`)
    return 0
  })
}

/** Finds, locks and reads the channel, and lets it go again. */
async function onChannel(
  named: readonly string[],
  options: Options,
  properties: Properties,
  work: (content: Content, found: ChannelDirectories) => Promise<number>,
): Promise<number> {
  const keys = await keysOf(options, properties)
  const found = await findChannel(disk, named, options.checkpoint)
  const lock = await lockAll(disk, found, line => void process.stderr.write(`${line}\n`))
  try {
    return await work(await readContent(disk, found, keys), found)
  } finally {
    await lock.release()
  }
}

/** One line an event, as dead letters have it, so that `flume-ng avro-client --dead-letters` sends them. */
function lineOf(event: Event): string {
  const headers = Object.fromEntries(event.headers)
  return `${JSON.stringify({ headers, body: event.body.toString('base64') })}\n`
}

async function* eventsOf(path: string): AsyncGenerator<readonly Event[]> {
  let number = 0
  for await (const lines of linesOf(createReadStream(path)))
    for (const bytes of lines) {
      number++
      const line = bytes.toString()
      if (line.trim() === '') continue
      const event = readDeadLetter(line)
      if (event === null)
        throw new UsageError(`${path}:${number}: no event: a line is {"headers": {...}, "body": "base64"}`)
      yield [event]
    }
}

async function createFile(path: string) {
  return await disk.open(resolve(path), 'create', true).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') throw new UsageError(`${path} is there already; name a new file`)
    throw error
  })
}

function tellDamage(damage: readonly Damage[]): void {
  for (const one of damage) process.stderr.write(`${printable(damageText(one))}\n`)
}

function summary(content: Content, { kind, data }: ChannelDirectories): unknown {
  const { ours } = content
  return {
    kind,
    directories: data,
    inside: content.inside,
    lost: content.lost,
    ...(ours === null
      ? { logs: content.flume }
      : {
          nextNumber: ours.nextNumber,
          low: ours.gone.low,
          gone: ours.gone.ranges,
          stopped: ours.segments.at(-1)?.isStopped ?? false,
          unfinished: ours.unfinished,
          segments: ours.segments.map(({ header, encryption, ...rest }) => ({
            ...rest,
            isHeaderReadable: header !== null,
            cipher: encryption?.cipher ?? null,
            keyAlias: encryption?.keyAlias ?? null,
          })),
        }),
    problems: content.damage,
  }
}

function parse(
  name: string,
  words: readonly string[],
  options: (command: Command) => Command,
): { operands: string[]; options: Options } {
  const needsOperand = name !== 'FCINTEGRITYTOOL'
  const command = options(
    new Command(`channel ${name}`).exitOverride().configureOutput({ writeErr: () => {} }),
  )
  if (needsOperand)
    command
      .option('-f, --conf-file <file>', "an agent's configuration, for the keys of an encrypted channel")
      .option('-n, --name <agent>', 'the agent there')
      .option('--channel <channel>', 'its channel')
      .argument('<directory...>', 'data directories of the channel, or one above them')
  command.parse([...words], { from: 'user' })
  return { operands: command.args, options: command.opts<Options>() }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
