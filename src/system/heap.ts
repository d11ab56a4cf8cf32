// What the program asks of V8's heap.
import { setFlagsFromString } from 'node:v8'

/**
 * For a program that passes bytes on: what it holds lies outside V8's heap, in buffers that are given free
 * when the small objects in front of them are collected. With a young generation of 1 MiB, not 16, that is
 * soon; measured, a broker under load takes 20 MiB less, and is no slower.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--max-semi-space-size=1')
  setFlagsFromString('--semi-space-growth-factor=1')
}
