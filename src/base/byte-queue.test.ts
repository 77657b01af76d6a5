import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteQueue } from './byte-queue.ts'

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

test('gives the same bytes however the stream is cut', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 })
  const reads = fc.array(fc.record({ peek: fc.nat(60), take: fc.nat(60) }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(pieces, reads, async (cut, wishes) => {
      const all = Buffer.concat(cut)
      const queue = new ByteQueue(piecesOf(cut))
      const taken: [Uint8Array, Buffer][] = []
      let at = 0
      for (const { peek, take } of wishes) {
        expect(Buffer.from(await queue.peek(peek))).toEqual(all.subarray(at, at + peek))
        const bytes = await queue.take(take)
        if (at + take > all.length) {
          expect(bytes).toBeNull()
          continue
        }
        taken.push([bytes as Uint8Array, all.subarray(at, at + take)])
        at += take
      }
      for (const [bytes, expected] of taken) expect(Buffer.from(bytes)).toEqual(expected)
    }),
  )
})

test('ends its source when closed early', async () => {
  let ended = false
  async function* source() {
    try {
      for (;;) yield new Uint8Array(10)
    } finally {
      ended = true
    }
  }
  const queue = new ByteQueue(source())
  await queue.take(15)
  await queue.close()
  expect(ended).toBe(true)
})
