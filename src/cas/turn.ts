/**
 * A turn at something scarce while a body comes from a sender we do not trust. Whoever waits too long for a turn is told
 * to try again; whoever has one and hardly sends loses it as soon as another waits, so that a few connections that stand
 * still cannot keep all others out. Only the sender's time counts, not ours.
 */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Semaphore } from '../base/semaphore.ts'

export interface TurnOptions {
  readonly clock: Clock
  readonly units?: number
  /** How long to wait for the turn. */
  readonly waitMs: number
}

const LOOK_MS = 1_000
const WINDOW_MS = 5_000
/** Less than any line that is of use; only asked of who keeps others waiting. */
const BYTES_PER_SECOND_MIN = 16 * 1024

/** Runs `use` with the body when it is its turn. Kind `busy` when the turn does not come, or is lost. */
export async function withTurn<T>(
  turns: Semaphore,
  body: AsyncIterable<Uint8Array>,
  { clock, units = 1, waitMs }: TurnOptions,
  use: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const release = await acquireWithin(turns, units, { clock, waitMs })
  const end = new AbortController()
  try {
    const watched = new WatchedBody(body, clock)
    void watched.loseWhen(() => turns.waiting > 0, end.signal)
    return await use(watched)
  } finally {
    end.abort()
    release()
  }
}

async function acquireWithin(
  turns: Semaphore,
  units: number,
  { clock, waitMs }: { clock: Clock; waitMs: number },
): Promise<() => void> {
  const late = new AbortController()
  const timer = new AbortController()
  const message = 'Too many uploads are read right now: try again soon'
  void clock.sleep(waitMs, timer.signal).then(
    () => late.abort(new AppError('busy', 'UPLOADS_BUSY', message)),
    (reason: unknown) => reason,
  )
  try {
    return await turns.acquire(units, late.signal)
  } finally {
    timer.abort()
  }
}

/** To be read once, by one reader. */
class WatchedBody implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #clock: Clock
  #refuse: ((error: AppError) => void) | null = null
  #askedMs = 0
  #waitedMs = 0
  #bytes = 0

  constructor(body: AsyncIterable<Uint8Array>, clock: Clock) {
    this.#iterator = body[Symbol.asyncIterator]()
    this.#clock = clock
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      return: async () => (await this.#iterator.return?.()) ?? { done: true, value: undefined },
    }
  }

  /** Ends with the signal. */
  async loseWhen(isWanted: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_MS, signal).then(
        () => this.#look(isWanted()),
        (reason: unknown) => reason,
      )
    }
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    this.#askedMs = this.#clock.monotonicMs()
    return new Promise((resolve, reject) => {
      this.#refuse = reject
      this.#iterator
        .next()
        .finally(() => {
          this.#refuse = null
          this.#waitedMs += this.#clock.monotonicMs() - this.#askedMs
        })
        .then((result) => {
          if (result.done !== true) this.#bytes += result.value.length
          resolve(result)
        }, reject)
    })
  }

  #look(isWanted: boolean): void {
    if (this.#refuse === null) return
    const nowMs = this.#clock.monotonicMs()
    const waitedMs = this.#waitedMs + nowMs - this.#askedMs
    const isSlow = this.#bytes * 1000 < BYTES_PER_SECOND_MIN * waitedMs
    if (isSlow && isWanted && waitedMs >= WINDOW_MS) {
      const message = `The upload came at less than ${BYTES_PER_SECOND_MIN} bytes a second while others waited: try again`
      this.#refuse(new AppError('busy', 'UPLOAD_TOO_SLOW', message))
    } else if (!isSlow) {
      this.#waitedMs = 0
      this.#askedMs = nowMs
      this.#bytes = 0
    }
  }
}
