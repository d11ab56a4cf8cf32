// @ts-check
// An agent inside a program: a sequence source, a file channel, and a sink that is a function of ours.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineSink, startAgent } from 'millrace'

const directory = mkdtempSync(join(tmpdir(), 'millrace-example-'))
/** @type {string[]} */
const received = []
const { promise: three, resolve: arrived } = Promise.withResolvers()

const collect = defineSink({
  type: 'collect',
  aliases: [],
  summary: 'Keeps bodies in an array.',
  options: {},
  create: () => ({
    batchSize: 100,
    start: async () => {},
    stop: async () => {},
    deliver: async events => {
      received.push(...events.map(event => event.body.toString()))
      if (received.length >= 3) arrived(undefined)
    },
  }),
})

const agent = await startAgent({
  name: 'a1',
  components: [{ kind: 'sink', names: ['collect'], load: async () => collect }],
  configuration: `
    a1.sources = r1
    a1.channels = c1
    a1.sinks = k1
    a1.sources.r1.type = seq
    a1.sources.r1.totalEvents = 3
    a1.sources.r1.channels = c1
    a1.channels.c1.type = file
    a1.channels.c1.checkpointDir = ${directory}/checkpoint
    a1.channels.c1.dataDirs = ${directory}/data
    a1.sinks.k1.type = collect
    a1.sinks.k1.channel = c1
  `,
})
await three
await agent.stop()
rmSync(directory, { recursive: true })
console.log(received.join(' '))
