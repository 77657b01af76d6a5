import { expect, test } from 'vitest'
import { withinTime } from './time-limit.ts'

const untilAborted = (signal: AbortSignal | undefined) =>
  new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
  })

test('what takes too long is ended, what is quick is not', async () => {
  await expect(withinTime({ ms: 30, signal: undefined }, untilAborted)).rejects.toMatchObject({
    kind: 'timeout',
    code: 'TOOK_TOO_LONG',
  })
  expect(await withinTime({ ms: 60_000, signal: undefined }, async () => 'done')).toBe('done')
})

test("the caller's own wish to stop passes through", async () => {
  const stop = new AbortController()
  const running = withinTime({ ms: 60_000, signal: stop.signal }, untilAborted)
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  await expect(withinTime({ ms: 60_000, signal: stop.signal }, async (signal) => signal?.aborted)).resolves.toBe(true)
})
