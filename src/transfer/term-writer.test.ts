import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { splitmix64 } from '../../test/vectors/recipe.ts'
import { FileVerifier } from '../xet/file-verifier.ts'
import { chunkHash, chunkHashBytes, type XorbHash } from '../xet/hash.ts'
import { OrderedCheck } from './ordered-check.ts'
import type { PlanTerm } from './reconstruction-plan.ts'
import { TermWriter } from './term-writer.ts'

const XORB = 'a'.repeat(64) as XorbHash

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-terms-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a file of many terms of one small chunk each is written in few runs, and proved', async () => {
  const chunks = Array.from({ length: 100 }, (_, i) => splitmix64(i, 60 + (i % 9)))
  const order = Array.from({ length: 5000 }, (_, i) => (i * 7) % chunks.length)
  const verifier = new FileVerifier()
  const terms: PlanTerm[] = []
  let offset = 0
  for (const [firstChunk, start] of order.entries()) {
    const plain = chunks[start] as Uint8Array
    terms.push({ xorb: XORB, start, end: start + 1, plainLength: plain.length, offset, firstChunk })
    verifier.add(chunkHash(plain), plain.length)
    offset += plain.length
  }
  const file = await open(join(folder, 'file'), 'wx+')
  const writes = [vi.spyOn(file, 'write'), vi.spyOn(file, 'writev')]
  const claim = { hash: verifier.fileHash(), size: offset, sha256: null }
  const check = new OrderedCheck(file, claim, null)
  let written = 0
  const writer = await TermWriter.open({
    file,
    fetch: {
      xorb: XORB,
      start: 0,
      end: chunks.length,
      bytes: { start: 0, end: 1 },
      url: 'http://localhost/',
      terms: [...terms].sort((a, b) => a.start - b.start),
    },
    check,
    known: null,
    journal: null,
    waiting: Buffer.alloc(512 * 1024),
    onWritten: (bytes) => {
      written += bytes
    },
  })
  for (const [index, plain] of chunks.entries()) {
    await writer.put({ index, plain, hash: chunkHashBytes(plain), storedBytes: plain.length })
  }
  await writer.flush()
  const whole = Buffer.concat(order.map((i) => chunks[i] as Uint8Array))
  const sha256 = await check.finish()
  expect(sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(written).toBe(whole.length)
  expect(await readFile(join(folder, 'file'))).toEqual(whole)
  expect(writes.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBeLessThan(20)
  await check.close()
  await file.close()
})
