/**
 * Changes of a catalog in the order in which they were asked for. What is asked for in one turn of the event loop, and
 * while a commit runs, shares the next one. Nothing is copied while it waits: those who wait for it hold it.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { type Change, type Committer, type Outcome, rowsOf } from './catalog-change.ts'

interface Asked {
  readonly change: Change
  resolve(removed: readonly string[]): void
  reject(error: unknown): void
}

export class CommitQueue {
  readonly #committer: Committer
  readonly #waiting: Asked[] = []
  #running: Promise<void> | null = null
  #removal: Promise<void> | null = null

  constructor(committer: Committer) {
    this.#committer = committer
  }

  /** Resolves to the names that `removeFree` removed. */
  ask(change: Change): Promise<readonly string[]> {
    try {
      this.#committer.admit()
    } catch (error) {
      return Promise.reject(error)
    }
    const done = new Promise<readonly string[]>((resolve, reject) => this.#waiting.push({ change, resolve, reject }))
    if (change.verb !== 'write') this.#watchRemoval(done)
    this.#running ??= this.#run()
    return done
  }

  /** Resolves when every removal that was asked for by now has happened or failed; null when none is under way. */
  get removal(): Promise<void> | null {
    return this.#removal
  }

  /** Resolves when nothing waits. */
  async drain(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** They happen in order: the last one stands for all. */
  #watchRemoval(done: Promise<unknown>): void {
    const over = () => {
      if (this.#removal === removal) this.#removal = null
    }
    const removal = done.then(over, over)
    this.#removal = removal
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await turn()
      const group = this.#takeGroup()
      try {
        settle(group, await this.#committer.commit(group.map(({ change }) => change)))
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = null
  }

  #takeGroup(): Asked[] {
    let count = 0
    let rows = 0
    for (const { change } of this.#waiting) {
      rows += rowsOf(change)
      if (count > 0 && rows > this.#committer.rowsAtOnce) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}

function settle(group: readonly Asked[], outcomes: readonly Outcome[]): void {
  for (const [i, { resolve, reject }] of group.entries()) {
    const outcome = outcomes[i] as Outcome
    if ('removed' in outcome) resolve(outcome.removed)
    else reject(outcome.error)
  }
}
