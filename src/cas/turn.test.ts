import { expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { Semaphore } from '../base/semaphore.ts'
import { withTurn } from './turn.ts'

async function* pieces(): AsyncIterable<Uint8Array> {
  yield Buffer.from('ab')
  yield Buffer.from('c')
}

test('a turn that does not come in time is said, and the next one comes as ever', async () => {
  const turns = new Semaphore(1)
  const release = await turns.acquire()
  const never = withTurn(turns, pieces(), { clock: systemClock, waitMs: 20 }, async () => 'read')
  await expect(never).rejects.toMatchObject({ kind: 'busy', code: 'UPLOADS_BUSY' })
  expect(turns.waiting).toBe(0)
  release()
  const read = withTurn(turns, pieces(), { clock: systemClock, waitMs: 1000 }, async (body) => {
    const parts: Uint8Array[] = []
    for await (const part of body) parts.push(part)
    return Buffer.concat(parts).toString()
  })
  expect(await read).toBe('abc')
})
