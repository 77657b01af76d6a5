/** Whether the disk still takes a write for good: a few bytes are written and synced when somebody asks. */
import { open } from 'node:fs/promises'
import { writeFully } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'

/** Whoever asks more often gets the last answer. */
const AGAIN_MS = 5_000

export class WriteProbe {
  readonly #path: string
  readonly #clock: Clock
  #last: { readonly atMs: number; readonly failure: Promise<string[]> } | null = null

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /** Why new work would fail; empty when the write went well. */
  async failure(): Promise<readonly string[]> {
    const nowMs = this.#clock.monotonicMs()
    if (this.#last === null || nowMs - this.#last.atMs >= AGAIN_MS) {
      this.#last = { atMs: nowMs, failure: this.#write() }
    }
    return this.#last.failure
  }

  async #write(): Promise<string[]> {
    try {
      const file = await open(this.#path, 'w', 0o600)
      try {
        await writeFully(file, Buffer.from(`${this.#clock.nowMs()}\n`))
        await file.sync()
      } finally {
        await file.close()
      }
      return []
    } catch (error) {
      return [`the disk does not take what is written: ${(error as { code?: unknown }).code ?? 'unknown'}`]
    }
  }
}
