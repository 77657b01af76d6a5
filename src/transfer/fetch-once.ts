/** One fetch at a time into one place, however many pulls of this process want the same file there. */
import { cancelled } from '../base/retry.ts'

const running = new Map<string, Promise<unknown>>()

/**
 * Runs `fetch` unless another runs for `target`. Then it waits for that one's end, good or bad, and asks `find` whether
 * it brought what is wanted here.
 */
export async function fetchOnce<T>(
  target: string,
  { find, fetch, signal }: { find: () => Promise<T | null>; fetch: () => Promise<T>; signal: AbortSignal },
): Promise<T> {
  for (let other = running.get(target); other !== undefined; other = running.get(target)) {
    await endOf(other, signal)
    const found = await find()
    if (found !== null) return found
  }
  const mine = fetch()
  running.set(target, mine)
  try {
    return await mine
  } finally {
    running.delete(target)
  }
}

/** Waits for `other` to end either way, or throws when `signal` does first. */
async function endOf(other: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  let onAbort = (): void => undefined
  const stopped = new Promise<never>((_, reject) => {
    onAbort = () => reject(cancelled(signal.reason))
  })
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([Promise.allSettled([other]), stopped])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
