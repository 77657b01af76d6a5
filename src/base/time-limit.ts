/** Runs a task that must be over in time, whatever it waits for: its signal aborts when the caller's does, or too late. */
import { AppError } from './app-error.ts'
import { type Clock, systemClock } from './clock.ts'

export interface TimeLimit {
  /** None when left out. */
  readonly ms: number | undefined
  readonly signal: AbortSignal | undefined
  readonly clock?: Clock
}

export async function withinTime<T>(
  { ms, signal, clock = systemClock }: TimeLimit,
  task: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (ms === undefined) return task(signal)
  const stop = new AbortController()
  const ended = new AbortController()
  const onAbort = () => stop.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { signal: ended.signal })
  const message = `It took longer than ${ms / 1000} s (--max-time): run it again, it goes on where it was`
  const onTime = () => stop.abort(new AppError('timeout', 'TOOK_TOO_LONG', message))
  clock.sleep(ms, ended.signal).then(onTime, () => 'over in time')
  try {
    return await task(stop.signal)
  } finally {
    ended.abort()
  }
}
