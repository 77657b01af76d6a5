/**
 * Mutated model files are refused or load, whatever is in them, and the process that loads them lives. `npm test` tries
 * some; `npm run slow` sets `FUZZ_LOADS` to ten thousand of each format.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fuzzLoads, LOAD_FORMATS } from './load-fuzzer.ts'

const count = Number(process.env.FUZZ_LOADS ?? 0) || 60
const seed = Number(process.env.FUZZ_SEED ?? 0) || 1 + Math.floor(Math.random() * 0x7fffffff)

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xorbit-loads-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe(`${count} mutations with seed ${seed}`, () => {
  test.each(LOAD_FORMATS)('%s', { timeout: 60_000 + 60 * count }, async (format) => {
    const { loaded, refused, faults } = await fuzzLoads(format, { count, seed, folder })
    expect(faults).toEqual([])
    expect(loaded + refused).toBe(count)
    // The first is whole; without others only the parser was tried.
    expect(loaded).toBeGreaterThan(count < 1000 ? 0 : count / 100)
    expect(refused).toBeGreaterThan(count / 4)
  })
})
