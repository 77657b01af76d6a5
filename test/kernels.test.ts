import { expect, test } from 'vitest'
import { buildKernels, readCommittedKernels } from '../scripts/kernels.ts'

// The compiler takes seconds of its own on a busy machine.
test('the committed module is what its sources compile to', { timeout: 120_000 }, () => {
  const committed = readCommittedKernels()
  const built = buildKernels()
  expect(committed.blake3).toBe(built.blake3)
  expect(Buffer.from(committed.wasm).equals(Buffer.from(built.wasm))).toBe(true)
})
