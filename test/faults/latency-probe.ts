/**
 * How long a cheap request takes while something else goes on. Asked from a thread of its own: what the experiment does
 * meanwhile must not count as the server's slowness.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'
import { send } from '../farm/http-send.ts'

const PAUSE_MS = 5

/** The longest that a request for `/health` took while `action` ran. */
export async function whileAsking<T>(url: string, action: () => Promise<T>): Promise<{ result: T; worst: number }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: url })
  try {
    await once(worker, 'message')
    const result = await action()
    const answer = once(worker, 'message')
    worker.postMessage('stop')
    const [worst] = (await answer) as [number]
    return { result, worst }
  } finally {
    await worker.terminate()
  }
}

async function ask(url: string): Promise<void> {
  let over = false
  let worst = 0
  parentPort?.once('message', () => {
    over = true
  })
  // The first one pays for the start of everything.
  await send(url, '/health')
  parentPort?.postMessage('ready')
  while (!over) {
    const asked = systemClock.monotonicMs()
    const reply = await send(url, '/health')
    assert.equal(reply.status, 200)
    worst = Math.max(worst, systemClock.monotonicMs() - asked)
    await systemClock.sleep(PAUSE_MS)
  }
  parentPort?.postMessage(worst)
}

if (!isMainThread && typeof workerData === 'string') await ask(workerData)
