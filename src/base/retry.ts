/**
 * When to try again: a pure schedule (1 + 5 attempts, 1, 2, 4, 8, 16 s), and the loop that follows it. What a server
 * asks for in `Retry-After` is honoured up to a cap; above the cap the attempt ends at once and says the figure.
 */
import { AppError } from './app-error.ts'
import { type Clock, systemClock } from './clock.ts'
import { ERROR_TABLE, toAppError } from './error-table.ts'

export interface RetryPolicy {
  /** Attempts after the first. */
  readonly retries: number
  readonly firstMs: number
  readonly factor: number
  /** No single wait of our own is longer. */
  readonly capMs: number
  /** What a server may ask for. */
  readonly retryAfterMsMax: number
}

export const RETRY_POLICY: RetryPolicy = {
  retries: 5,
  firstMs: 1000,
  factor: 2,
  capMs: 30_000,
  retryAfterMsMax: 120_000,
}

/** The longest wait before retry number `retry` (from 0): never shorter than the one before, never above the cap. */
export function retryDelayMs(policy: RetryPolicy, retry: number): number {
  return Math.min(policy.capMs, policy.firstMs * policy.factor ** retry)
}

/** Wait before the next attempt, or null when there is none. `random` in [0, 1) spreads clients over a quarter. */
export function planRetry(policy: RetryPolicy, retry: number, error: AppError, random: number): number | null {
  if (retry >= policy.retries || !canRetry(error)) return null
  const asked = error.data.retryAfterMs
  if (typeof asked === 'number') return asked <= policy.retryAfterMsMax ? asked : null
  return retryDelayMs(policy, retry) * (1 - random / 4)
}

/** `Retry-After` in milliseconds: seconds or an HTTP date, a past date being now; null when it is neither. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  if (/^\d+$/.test(text)) return Number(text) * 1000
  // A date has a weekday; Date.parse alone would also read "-5" or "2".
  const at = /^[a-z]{3,9},/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(at - nowMs, 0)
}

/** Trouble that a later attempt may not meet. A refused certificate will be refused again. */
export function canRetry(error: AppError): boolean {
  return ERROR_TABLE[error.kind].retry === 'later' && error.kind !== 'conflict' && error.data.permanent !== true
}

export interface RetryOptions {
  readonly policy?: RetryPolicy
  readonly clock?: Clock
  readonly signal?: AbortSignal | undefined
  readonly random?: () => number
}

/** Runs `task` until it succeeds, or throws what the last attempt met. */
export async function withRetries<T>(task: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { policy = RETRY_POLICY, clock = systemClock, signal, random = Math.random } = options
  for (let retry = 0; ; retry++) {
    try {
      return await task()
    } catch (thrown) {
      const error = toAppError(thrown)
      const delayMs = planRetry(policy, retry, error, random())
      if (delayMs === null) throw thrown
      await sleepUnlessCancelled(clock, delayMs, signal)
    }
  }
}

async function sleepUnlessCancelled(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (cause) {
    throw cancelled(cause)
  }
}

/** What an aborted task throws, whatever its signal's reason is. */
export function cancelled(cause: unknown): AppError {
  return cause instanceof AppError ? cause : new AppError('cancelled', 'CANCELLED', 'Cancelled', { cause })
}
