/** A short look at every parser; `node test/fuzz/main.ts` looks longer. */
import { describe, expect, test } from 'vitest'
import { fuzz } from './fuzzer.ts'
import { FUZZ_TARGETS } from './registry.ts'

const MS = 300
const seed = Number(process.env.FUZZ_SEED ?? 0) || 1 + Math.floor(Math.random() * 0x7fffffff)

describe(`with seed ${seed}`, () => {
  test.each(FUZZ_TARGETS)('$name accepts or refuses whatever comes', async (target) => {
    const { cases, accepted, finding } = await fuzz(target, { ms: MS, seed })
    expect(finding && { ...finding, input: Buffer.from(finding.input).toString('hex') }).toBeNull()
    expect(cases).toBeGreaterThan(20)
    // Otherwise only refusals were looked at: the seeds are no good inputs any more.
    expect(accepted).toBeGreaterThan(0)
  })
})

test('a parser that breaks its promise is found', async () => {
  const seeds = () => [new TextEncoder().encode('abcdef')]
  const run = (bytes: Uint8Array) => {
    if (bytes.length < 3) throw new TypeError('reads past the end')
  }
  const broken = { name: 'broken', seeds, run }
  const { finding } = await fuzz(broken, { ms: 2000, seed: 1 })
  expect(finding?.why).toContain('TypeError')
})
