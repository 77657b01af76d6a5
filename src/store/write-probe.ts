/** Whether the disk still takes a write for good: a few bytes are written and synced when somebody asks. */
import { constants } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { writeFully } from '../base/atomic-file.ts'
import type { Clock } from '../base/clock.ts'

/** Whoever asks more often gets the last answer. */
const AGAIN_MS = 5_000
/** A disk that takes longer is no disk to work on. */
const ANSWER_MS = 2_000

export class WriteProbe {
  readonly #path: string
  readonly #clock: Clock
  #last: { readonly atMs: number; readonly failure: Promise<string[]>; isOver: boolean } | null = null

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /** Why new work would fail; empty when the write went well. */
  async failure(): Promise<readonly string[]> {
    const nowMs = this.#clock.monotonicMs()
    const isOld = this.#last === null || (this.#last.isOver && nowMs - this.#last.atMs >= AGAIN_MS)
    const probe = isOld || this.#last === null ? this.#begin(nowMs) : this.#last
    if (probe.isOver) return probe.failure
    const answered = new AbortController()
    const late = this.#clock.sleep(ANSWER_MS, answered.signal).then(
      () => [`the disk has not answered for ${ANSWER_MS / 1000} s`],
      () => [],
    )
    try {
      return await Promise.race([probe.failure, late])
    } finally {
      answered.abort()
    }
  }

  #begin(atMs: number) {
    const probe = { atMs, failure: this.#write(), isOver: false }
    void probe.failure.then(() => {
      probe.isOver = true
    })
    this.#last = probe
    return probe
  }

  async #write(): Promise<string[]> {
    try {
      // Not cut short before it is known to be ours: a link planted here leads to somebody's file.
      const file = await open(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600)
      try {
        if ((await file.stat()).isFile() && (await isLinked(this.#path))) return [`${this.#path} is a link: remove it`]
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

async function isLinked(path: string): Promise<boolean> {
  const found = await lstat(path)
  return found.isSymbolicLink() || found.nlink > 1
}
