// Our declarations of Kafka's messages against Kafka's own, as they lie in the kafka-clients jars: the
// same fields in the same order, with the same types, in every version both know.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { apiTable } from '../../src/broker/api-table.ts'
import { isIn, type FieldSet } from '../../src/wire/kafka/fields.ts'
import { readJar } from './jar.ts'
import { fetchPeer, skipWithoutPeers } from './peers/fetch.ts'

// A jar says what all versions it knows look like. KAFKA_CLIENTS_JARS adds more, separated by colons.
const jars = (process.env['KAFKA_CLIENTS_JARS'] ?? '').split(':').filter(Boolean)
if (skipWithoutPeers === false)
  for (const set of ['kafka-4.1.0', 'flume-1.11.0'] as const) {
    const directory = await fetchPeer(set)
    for (const name of globSync('kafka-clients-*.jar', { cwd: directory })) jars.push(join(directory, name))
  }

interface JsonField {
  name: string
  type: string
  versions: string
  nullableVersions?: string
  tag?: number
  taggedVersions?: string
  ignorable?: boolean
  fields?: JsonField[]
}
interface JsonMessage {
  apiKey: number
  type: 'request' | 'response'
  validVersions: string
  flexibleVersions?: string
  fields: JsonField[]
  commonStructs?: { name: string; fields: JsonField[] }[]
}

/** One field as one line: what it is called, what it is, where in the tree. */
const lineOf = (path: string, type: string, isNull: boolean, tag: number | undefined) =>
  `${path}: ${type}${isNull ? ' or null' : ''}${tag === undefined ? '' : ` tag ${tag}`}`.toLowerCase()

function theirs(message: JsonMessage, version: number): string[] {
  const walk = (fields: JsonField[], path: string): string[] =>
    fields
      .filter(field => isIn(version, field.versions))
      .flatMap(field => {
        const at = `${path}/${field.name}`
        const base = field.type.replace('[]', '')
        const inner = field.fields ?? message.commonStructs?.find(one => one.name === base)?.fields
        const type = (field.type.startsWith('[]') ? '[]' : '') + (inner ? 'struct' : base)
        const tag = isIn(version, field.taggedVersions) ? field.tag : undefined
        const line = lineOf(at, type.replace('records', 'bytes'), isIn(version, field.nullableVersions), tag)
        return [line, ...(inner === undefined ? [] : walk(inner, at))]
      })
  return walk(message.fields, '')
}

function ours(fields: FieldSet, version: number): string[] {
  const walk = (set: FieldSet, path: string): string[] =>
    Object.entries(set)
      .filter(([, field]) => field.options.versions === undefined || isIn(version, field.options.versions))
      .flatMap(([name, field]) => {
        const at = `${path}/${name}`
        const core = field.element ?? field
        const type = (field.kind === 'array' ? '[]' : '') + core.kind
        const tag = isIn(version, field.options.tagged) ? field.options.tag : undefined
        const line = lineOf(at, type, isIn(version, field.options.nullable), tag)
        return [line, ...(core.fields === undefined ? [] : walk(core.fields, at))]
      })
  return walk(fields, '')
}

const parse = (json: Buffer): JsonMessage =>
  JSON.parse(
    json
      .toString()
      .replaceAll(/^\s*\/\/.*$/gm, '')
      .replaceAll(/([^:"])\/\/.*$/gm, '$1'),
  )

function lastVersion(text: string): number {
  return text === 'none' ? -1 : Number(text.split('-').at(-1))
}

/** Jars before 3.0 have other names for some fields, and lack tagged fields added since to old versions. */
function shapes(lines: string[]): string[] {
  const tagged = lines.filter(line => line.includes(' tag ')).map(line => line.replace(/:.*/, ''))
  return lines
    .filter(line => !tagged.some(path => line.startsWith(`${path}:`) || line.startsWith(`${path}/`)))
    .map(line => line.replaceAll(/[^/]*(\/|: )/g, '$1'))
}

describe('declarations of Kafka messages', { skip: jars.length === 0 && skipWithoutPeers }, () => {
  for (const jar of jars) {
    const name = jar.split('/').at(-1)!
    const messages = [...readJar(jar, 'common/message/').entries()]
      .filter(([path]) => /(Request|Response)\.json$/.test(path))
      .map(([, json]) => parse(json))
    if (messages.length === 0) continue
    // Old jars do not know the newest APIs.
    for (const { api } of apiTable.filter(row => messages.some(({ apiKey }) => apiKey === row.api.key)))
      it(`${api.name} is as in ${name}`, () => {
        for (const type of ['request', 'response'] as const) {
          const message = messages.find(one => one.apiKey === api.key && one.type === type)!
          assert.ok(lastVersion(message.validVersions) <= api.maxVersion, 'a version is missing here')
          for (let version = api.minVersion; version <= api.maxVersion; version++) {
            if (!isIn(version, message.validVersions)) continue
            const [mine, kafkas] = [ours(api[type], version), theirs(message, version)]
            if (/-[012]\.[\d.]+jar/.test(name)) assert.deepEqual(shapes(mine), shapes(kafkas))
            else assert.deepEqual(mine, kafkas, `${type} v${version}`)
            const flexible = message.flexibleVersions ?? 'none'
            assert.equal(version >= api.firstFlexibleVersion, flexible !== 'none' && isIn(version, flexible))
          }
        }
      })
  }
})
